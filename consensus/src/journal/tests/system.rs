//! Members that spend, a group at home, and a network that loses, repeats and reorders what they say: nothing is overspent, and
//! what was used is counted once.

use proptest::prelude::*;

use super::member::{Answer, Call, Member};
use super::*;
use crate::journal::ledger::ReclaimNode;

#[derive(Debug, Clone)]
enum Op {
    Take {
        member: usize,
        account: &'static str,
        amount: Amount,
    },
    Settle {
        member: usize,
        percent: u64,
    },
    Deliver(usize),
    /// Arrives, and once more later.
    Repeat(usize),
    Lose(usize),
    Answer(usize),
    LoseAnswer(usize),
    Crash(usize),
    Pass(u64),
    /// The last member is removed, and does not know.
    Remove,
    Limit(u64),
    /// The group's state goes through a snapshot.
    Reload,
}

fn any_op() -> impl Strategy<Value = Op> {
    let (member, at) = (0..3_usize, 0..64_usize);
    let account = prop::sample::select(vec!["a", "b"]);
    let any_amount = (0..90_u64, 0..90_u64).prop_map(|(tokens, usd_micros)| amount(tokens, usd_micros));
    prop_oneof![
        8 => (member.clone(), account, any_amount)
            .prop_map(|(member, account, amount)| Op::Take { member, account, amount }),
        6 => (member.clone(), 0..160_u64).prop_map(|(member, percent)| Op::Settle { member, percent }),
        12 => at.clone().prop_map(Op::Deliver),
        3 => at.clone().prop_map(Op::Repeat),
        1 => at.clone().prop_map(Op::Lose),
        12 => at.clone().prop_map(Op::Answer),
        1 => at.prop_map(Op::LoseAnswer),
        1 => member.prop_map(Op::Crash),
        5 => (0..9_000_u64).prop_map(Op::Pass),
        1 => Just(Op::Remove),
        1 => (500..1_500_u64).prop_map(Op::Limit),
        1 => Just(Op::Reload),
    ]
}

struct World {
    log: Log<Journal>,
    members: Vec<Member>,
    calls: Vec<(usize, u32, Call)>,
    answers: Vec<(usize, u32, Answer, Call)>,
    requests: u32,
    is_removed: bool,
    /// What the removed member was charged, before and after.
    charged: Amount,
}

impl World {
    fn new() -> Self {
        Self {
            log: tree(),
            members: (1..=3).map(Member::new).collect(),
            calls: Vec::new(),
            answers: Vec::new(),
            requests: 0,
            is_removed: false,
            charged: Amount::ZERO,
        }
    }

    /// All that was charged to the root.
    fn total(&self) -> Amount {
        let root = self
            .log
            .machine
            .home()
            .ledger()
            .account(&account_id("t"))
            .unwrap();
        root.balance().settled.plus(root.balance().overrun)
    }

    fn send(&mut self, member: usize, calls: Vec<Call>) {
        let life = self.members[member].life;
        self.calls
            .extend(calls.into_iter().map(|call| (member, life, call)));
    }

    /// Home takes a call.
    fn take(&mut self, member: usize, call: &Call) -> Answer {
        let (before, number) = (self.total(), self.members[member].number);
        let answer = match call {
            Call::Grant(at, grant) => {
                let command = GrantLease {
                    node: node(number),
                    grant: grant.clone(),
                    ttl_ms: TTL_MS,
                };
                let answer = self.log.propose(&command).into_answer();
                Answer::Grant(*at, grant.clone(), answer)
            }
            Call::State(at, statement) => {
                let command = TakeStatement {
                    node: node(number),
                    statement: statement.clone(),
                    ttl_ms: TTL_MS,
                };
                Answer::State(*at, statement.lease.clone(), Some(self.log.propose(&command)))
            }
        };
        if member == 2 {
            self.charged = self.charged.plus(self.total().minus(before));
        }
        answer
    }

    fn hear(&mut self, (member, life, answer): (usize, u32, Answer)) {
        if self.members[member].life == life {
            let calls = self.members[member].hear(answer);
            self.send(member, calls);
        }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Take {
                member,
                account,
                amount,
            } => {
                self.requests += 1;
                let calls = self.members[member].take(account, self.requests, amount);
                self.send(member, calls);
            }
            Op::Settle { member, percent } => {
                let calls = self.members[member].settle(percent);
                self.send(member, calls);
            }
            Op::Deliver(at) if at < self.calls.len() => {
                let (member, life, call) = self.calls.remove(at);
                let answer = self.take(member, &call);
                self.answers.push((member, life, answer, call));
            }
            Op::Repeat(at) if at < self.calls.len() => {
                let (member, _, call) = self.calls[at].clone();
                self.take(member, &call);
            }
            Op::Lose(at) if at < self.calls.len() => {
                let (member, life, call) = self.calls.remove(at);
                self.hear((member, life, call.silence()));
            }
            Op::Answer(at) if at < self.answers.len() => {
                let (member, life, answer, _) = self.answers.remove(at);
                self.hear((member, life, answer));
            }
            Op::LoseAnswer(at) if at < self.answers.len() => {
                let (member, life, _, call) = self.answers.remove(at);
                self.hear((member, life, call.silence()));
            }
            Op::Deliver(_) | Op::Repeat(_) | Op::Lose(_) | Op::Answer(_) | Op::LoseAnswer(_) => {}
            Op::Crash(member) => self.members[member].crash(),
            Op::Pass(ms) => self.pass(ms),
            Op::Remove => {
                let before = self.total();
                self.log.propose(&ReclaimNode { node: node(3) });
                self.is_removed = true;
                self.charged = self.charged.plus(self.total().minus(before));
            }
            Op::Limit(limit) => {
                self.log.propose(&limits("t", None, limit));
            }
            Op::Reload => self.log = self.log.reloaded(),
        }
        assert!(self.log.machine.home().ledger().is_consistent());
    }

    fn pass(&mut self, ms: u64) {
        self.log.pass_ms(ms);
        self.log.propose(&tick());
        for member in 0..self.members.len() {
            self.members[member].pass(ms);
            let calls = self.members[member].drive();
            self.send(member, calls);
        }
    }

    /// The network heals, and every call ends.
    fn settle_down(&mut self) {
        for _ in 0..60 {
            for member in 0..self.members.len() {
                while !self.members[member].is_idle() {
                    self.run(Op::Settle { member, percent: 100 });
                }
            }
            for _ in 0..2_000 {
                if self.calls.is_empty() && self.answers.is_empty() {
                    break;
                }
                self.run(Op::Deliver(0));
                self.run(Op::Answer(0));
            }
            self.pass(3_000);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn nothing_is_overspent_and_everything_used_is_counted_once(
        ops in prop::collection::vec(any_op(), 0..250),
    ) {
        let mut world = World::new();
        for op in ops {
            world.run(op);
        }
        world.settle_down();
        let stay = if world.is_removed { 2 } else { 3 };
        let used = world.members[..stay].iter().fold(Amount::ZERO, |sum, member| sum.plus(member.used));
        let total = match world.is_removed {
            true => world.total().minus(world.charged),
            false => world.total(),
        };
        prop_assert_eq!(total, used);
        let root = world.log.machine.home().ledger().account(&account_id("t")).unwrap();
        prop_assert_eq!(root.balance().held, Amount::ZERO, "idle leases went back");
    }
}
