//! Several nodes and a home, over a network that loses, delays, doubles and turns around whatever is said, with nodes that end
//! without a word and begin again, and clocks that differ and drift.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::node::{Answer, Message, Node, answer, silence};
use super::*;

const NODES: usize = 3;

/// Runs of each node's clock against true time, in percent.
const RATES: [u64; NODES] = [100, 96, 104];

/// And what their wall clocks are off by, in milliseconds, around 10 000.
const SKEWS: [u64; NODES] = [10_000, 8_000, 12_000];

#[derive(Debug, Clone)]
enum Op {
    Ask {
        node: usize,
        account: usize,
        amount: Amount,
    },
    /// Usage in percent of what was held.
    Settle {
        node: usize,
        at: usize,
        percent: u64,
    },
    Release {
        node: usize,
        at: usize,
    },
    /// The message at this place of those under way arrives, and the answer sets out; twice where doubled.
    Deliver {
        at: usize,
        is_doubled: bool,
    },
    /// An answer arrives; twice where doubled.
    Answer {
        at: usize,
        is_doubled: bool,
    },
    /// A message or an answer is lost, which its node finds out.
    Lose {
        at: usize,
    },
    Pass {
        ms: u64,
    },
    Recall {
        node: usize,
        reach: Reach,
    },
    Crash {
        node: usize,
    },
    /// Home has less room, or more.
    Limit {
        tokens: u64,
    },
}

fn any_op() -> impl Strategy<Value = Op> {
    let node = 0..NODES;
    let amount = (0_u64..200, 0_u64..200).prop_map(|(tokens, usd)| amount(tokens, usd));
    let at = 0_usize..64;
    prop_oneof![
        10 => (node.clone(), 0_usize..2, amount)
            .prop_map(|(node, account, amount)| Op::Ask { node, account, amount }),
        8 => (node.clone(), at.clone(), 0_u64..150)
            .prop_map(|(node, at, percent)| Op::Settle { node, at, percent }),
        2 => (node.clone(), at.clone()).prop_map(|(node, at)| Op::Release { node, at }),
        12 => (at.clone(), prop::bool::weighted(0.2))
            .prop_map(|(at, is_doubled)| Op::Deliver { at, is_doubled }),
        12 => (at.clone(), prop::bool::weighted(0.2))
            .prop_map(|(at, is_doubled)| Op::Answer { at, is_doubled }),
        2 => at.prop_map(|at| Op::Lose { at }),
        8 => prop_oneof![0_u64..200, 1_000_u64..12_000].prop_map(|ms| Op::Pass { ms }),
        1 => (node.clone(), prop::sample::select(vec![Reach::Free, Reach::All]))
            .prop_map(|(node, reach)| Op::Recall { node, reach }),
        1 => node.prop_map(|node| Op::Crash { node }),
        1 => (500_u64..3_000).prop_map(|tokens| Op::Limit { tokens }),
    ]
}

/// The lease that an answer renews, and when it was asked for.
const fn renewed(answer: &Answer) -> Option<(Millis, &HoldId)> {
    match answer {
        Answer::Grant(at, grant, Ok(_)) => Some((*at, &grant.lease)),
        Answer::State(at, lease, Some(Acknowledged::Live(_))) => Some((*at, lease)),
        Answer::Grant(..) | Answer::State(..) => None,
    }
}

struct World {
    home: Home,
    nodes: Vec<Node>,
    /// Starts of each node, for the names of its leases; what was said before the last is not heard any more.
    starts: Vec<u32>,
    messages: Vec<(usize, u32, Message)>,
    answers: Vec<(usize, u32, Answer)>,
    /// True time, and that of each node's start.
    now: u64,
    began: Vec<u64>,
    requests: u64,
    live: Vec<Vec<Want>>,
    /// What was used, by account.
    used: BTreeMap<AccountId, Amount>,
    /// Until when each lease may be spent from, in true time.
    good_until: BTreeMap<HoldId, u64>,
}

impl World {
    fn new() -> Self {
        let mut home = Home::default();
        home.put("t", None, limits(2_000, 3_000, 40));
        home.put("a", Some("t"), limits(1_500, 1_500, 30));
        home.put("b", Some("t"), Limits::default());
        Self {
            home,
            nodes: (0..NODES)
                .map(|node| Node::new(&format!("n{node}.0"), Settings::default()))
                .collect(),
            starts: vec![0; NODES],
            messages: Vec::new(),
            answers: Vec::new(),
            now: 0,
            began: vec![0; NODES],
            requests: 0,
            live: vec![Vec::new(); NODES],
            used: BTreeMap::new(),
            good_until: BTreeMap::new(),
        }
    }

    fn clocks(&mut self) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            node.now = Millis(1_000 + (self.now - self.began[at]) * RATES[at] / 100);
            node.unix = UnixMillis(1_000_000 + self.now + SKEWS[at]);
        }
    }

    fn say(&mut self, node: usize, said: Vec<Message>) {
        let start = self.starts[node];
        self.messages
            .extend(said.into_iter().map(|message| (node, start, message)));
        let served = std::mem::take(&mut self.nodes[node].served);
        for want in &served {
            let lease = self.nodes[node].spender.accounts[&want.account].lease.as_ref();
            let until = self.good_until[&lease.unwrap().id];
            assert!(
                self.now < until,
                "{want:?} at {} from a lease of {until}",
                self.now
            );
        }
        self.live[node].extend(served);
        self.nodes[node].refused.clear();
    }

    fn hear(&mut self, node: usize, start: u32, answer: Answer) {
        if start == self.starts[node] {
            if let Some((asked_at, lease)) = renewed(&answer) {
                let asked_at = self.began[node] + (asked_at.0 - 1_000) * 100 / RATES[node];
                let until = self.good_until.entry(lease.clone()).or_default();
                *until = (*until).max(asked_at + TTL_MS);
            }
            let said = self.nodes[node].hear(answer);
            self.say(node, said);
        }
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Ask {
                node,
                account,
                amount,
            } => {
                self.requests += 1;
                let expires_at = UnixMillis(u64::MAX);
                let want = want(
                    ["a", "b"][account],
                    &format!("r{}", self.requests),
                    amount,
                    expires_at,
                );
                let said = self.nodes[node].ask(want);
                self.say(node, said);
            }
            Op::Settle { node, at, percent } => {
                let live = &mut self.live[node];
                if live.is_empty() {
                    return;
                }
                let want = live.swap_remove(at % live.len());
                let actual = super::amount(
                    want.amount.tokens * percent / 100,
                    want.amount.usd_micros * percent / 100,
                );
                assert!(self.nodes[node].settle(&want, actual), "no lease is lost here");
                let used = self.used.entry(want.account.clone()).or_default();
                *used = used.plus(actual);
            }
            Op::Release { node, at } => {
                let live = &mut self.live[node];
                if live.is_empty() {
                    return;
                }
                let want = live.swap_remove(at % live.len());
                let spender = &self.nodes[node].spender;
                let released = spender.propose_release(&want.account, &want.id).unwrap();
                self.nodes[node].commit(released);
            }
            Op::Deliver { at, is_doubled } => {
                if self.messages.is_empty() {
                    return;
                }
                let at = at % self.messages.len();
                let (node, start, message) = match is_doubled {
                    true => self.messages[at].clone(),
                    false => self.messages.remove(at),
                };
                let answer = answer(&mut self.home, &message);
                self.answers.push((node, start, answer));
            }
            Op::Answer { at, is_doubled } => {
                if self.answers.is_empty() {
                    return;
                }
                let at = at % self.answers.len();
                let (node, start, answer) = match is_doubled {
                    true => self.answers[at].clone(),
                    false => self.answers.remove(at),
                };
                self.hear(node, start, answer);
            }
            Op::Lose { at } => {
                if self.messages.is_empty() {
                    return;
                }
                // It may arrive later all the same, after it was given up.
                let (node, start, message) = self.messages[at % self.messages.len()].clone();
                self.hear(node, start, silence(&message));
            }
            Op::Pass { ms } => {
                self.now += ms;
                self.clocks();
                for node in 0..NODES {
                    let said = self.nodes[node].drive();
                    self.say(node, said);
                }
            }
            Op::Recall { node, reach } => {
                let now = self.nodes[node].now;
                self.nodes[node].spender.flush(now, reach);
                let said = self.nodes[node].drive();
                self.say(node, said);
            }
            Op::Crash { node } => {
                self.starts[node] += 1;
                self.began[node] = self.now;
                let prefix = format!("n{node}.{}", self.starts[node]);
                self.nodes[node].crash(&prefix, Settings::default());
                self.clocks();
            }
            Op::Limit { tokens } => {
                let limits = limits(tokens, 3_000, 40);
                if let Ok(record) = self.home.0.propose_account(&account_id("t"), None, limits) {
                    self.home.commit(&record);
                }
            }
        }
        self.check();
    }

    /// What is settled at home, what is to be reported, and what is held anywhere is within every limit; and no node has more of
    /// a lease than home has for it.
    fn check(&self) {
        let mut in_use: BTreeMap<AccountId, Amount> = BTreeMap::new();
        for (account, place) in self.nodes.iter().flat_map(|node| &node.spender.accounts) {
            let Some(lease) = &place.lease else { continue };
            let home = self.home.0.hold(&lease.id);
            let (taken, amount) = home.map_or((u64::MAX, Amount::ZERO), |hold| (hold.reports, hold.amount));
            let sent = lease.sent.filter(|sent| sent.number > taken).unwrap_or_default();
            let held = lease.slice.holds().map(|(_, hold)| hold.amount);
            let spent = held.fold(lease.slice.pending().spent, Amount::plus);
            let has = spent.plus(lease.slice.free());
            assert!(
                has.plus(sent.spent).plus(sent.returned).fits(amount),
                "{:?} has {has:?}, home {amount:?}",
                lease.id
            );
            for id in [account.clone(), account_id("t")] {
                let sum = in_use.entry(id).or_default();
                *sum = sum.plus(spent).plus(sent.spent);
            }
        }
        for (id, account) in self.home.0.accounts() {
            let in_use = in_use.get(id).copied().unwrap_or_default();
            let all = account.balance().settled.plus(in_use);
            assert!(all.fits(account.limits().amount()), "{id}: {all:?}");
        }
    }

    /// Everything arrives, every call ends, every node stops.
    fn end(&mut self) {
        for node in 0..NODES {
            let waiting = std::mem::take(&mut self.nodes[node].waiting);
            for want in std::mem::take(&mut self.live[node]) {
                assert!(self.nodes[node].settle(&want, want.amount));
                let used = self.used.entry(want.account.clone()).or_default();
                *used = used.plus(want.amount);
            }
            self.nodes[node].waiting = waiting;
            self.nodes[node].spender.close();
        }
        for _ in 0..40 {
            while !self.messages.is_empty() || !self.answers.is_empty() {
                self.run(&Op::Deliver {
                    at: 0,
                    is_doubled: false,
                });
                self.run(&Op::Answer {
                    at: 0,
                    is_doubled: false,
                });
                self.settle_late();
            }
            self.run(&Op::Pass { ms: 1_000 });
        }
    }

    /// Those who were served while everything ended.
    fn settle_late(&mut self) {
        for node in 0..NODES {
            while !self.live[node].is_empty() {
                self.run(&Op::Settle {
                    node,
                    at: 0,
                    percent: 100,
                });
            }
        }
    }
}

proptest! {
    #[test]
    fn no_limit_is_exceeded_and_every_settlement_counts_once(ops in prop::collection::vec(any_op(), 1..250)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.end();
        for account in ["a", "b"] {
            let balance = world.home.0.account(&account_id(account)).unwrap().balance();
            prop_assert_eq!((balance.held, balance.in_flight), (Amount::ZERO, 0));
            let used = world.used.get(&account_id(account)).copied().unwrap_or_default();
            prop_assert_eq!(balance.settled.plus(balance.overrun), used);
        }
        prop_assert_eq!(world.home.0.live_holds(), 0);
    }
}
