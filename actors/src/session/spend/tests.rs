use super::*;
use crate::environment::testing::world;
use crate::ledger::testing::{account, hold, ledger, put};

const fn tokens(tokens: u64) -> Amount {
    Amount {
        tokens,
        usd_micros: 0,
    }
}

const fn used(tokens: u64) -> Usage {
    Usage {
        out_tokens: tokens,
        ..NO_USAGE
    }
}

async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}

#[test]
fn all_answers_together_stay_within_what_is_paid_for() {
    assert_eq!(output_of_each(tokens(1_000), 200, 1), 800);
    assert_eq!(output_of_each(tokens(1_000), 200, 8), 100);
    assert_eq!(output_of_each(tokens(100), 200, 8), 1);
    assert_eq!(output_of_each(tokens(1_000), 0, 0), 1_000);
}

#[tokio::test]
async fn a_call_in_place_of_another_has_its_own_need_held() {
    local(async {
        let ledger = ledger(world().0, tokens(500)).await;
        let mut spend = Spend::held_by(hold(&ledger, "r1", tokens(100)).await, Amount::UNLIMITED);
        // The first call refused, and billed nothing: what was held for it does for one that needs no more.
        spend.reserve(tokens(0), tokens(80)).await.unwrap();
        assert_eq!(spend.held(), tokens(100));
        // Another call is committed to 60 of the hold.
        spend.reserve(tokens(60), tokens(80)).await.unwrap();
        assert_eq!(spend.held(), tokens(140));
        // A call broke off and is billed.
        spend.count(used(90));
        spend.reserve(tokens(60), tokens(100)).await.unwrap();
        assert_eq!(spend.held(), tokens(250));
        let fault = spend.reserve(tokens(60), tokens(400)).await.unwrap_err();
        assert_eq!(fault.code, atp_protocol::error::Code::Budget);
        assert_eq!(spend.held(), tokens(250));
    })
    .await;
}

#[tokio::test]
async fn what_is_known_is_charged_beside_what_is_not() {
    local(async {
        let ledger = ledger(world().0, tokens(500)).await;
        let mut spend = Spend::held_by(hold(&ledger, "r1", tokens(100)).await, Amount::UNLIMITED);
        spend.count(used(250));
        spend.count(Usage {
            source: UsageSource::Unknown,
            ..used(40)
        });
        spend.charge().await.unwrap();
        let balance = ledger.account(account()).await.unwrap().unwrap().balance;
        assert_eq!(balance.settled, tokens(290));
        assert_eq!(balance.unknown, tokens(40));
        assert_eq!(balance.held, Amount::ZERO);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_topped_up_where_money_is_all_held() {
    local(async {
        let all_the_money = Amount {
            tokens: 100,
            usd_micros: 100,
        };
        let limit = Amount {
            tokens: 500,
            ..all_the_money
        };
        let ledger = ledger(world().0, limit).await;
        let mut spend = Spend::held_by(hold(&ledger, "r1", all_the_money).await, Amount::UNLIMITED);
        // Both are nearly used up, and of money there is no more.
        let used = Amount {
            tokens: 95,
            usd_micros: 95,
        };
        spend.top_up(used, Millis(0)).await;
        assert_eq!(spend.held().tokens, 95 + 47 + 64);
        assert_eq!(spend.held().usd_micros, 100);
        assert!(!spend.is_exhausted(used));
    })
    .await;
}

#[tokio::test]
async fn an_account_that_has_room_again_is_asked_again() {
    local(async {
        let ledger = ledger(world().0, tokens(100)).await;
        let mut spend = Spend::held_by(hold(&ledger, "r1", tokens(100)).await, Amount::UNLIMITED);
        spend.top_up(tokens(105), Millis(0)).await;
        assert!(!spend.is_exhausted(tokens(110)));
        assert!(spend.is_exhausted(tokens(111)));
        put(&ledger, tokens(1_000)).await;
        spend.top_up(tokens(105), Millis(ASK_AGAIN_MS - 1)).await;
        assert_eq!(spend.held(), tokens(100));
        spend.top_up(tokens(105), Millis(ASK_AGAIN_MS)).await;
        assert!(!spend.is_exhausted(tokens(150)));
    })
    .await;
}

#[tokio::test]
async fn what_is_added_stays_within_what_the_client_said() {
    local(async {
        let ledger = ledger(world().0, tokens(10_000)).await;
        let mut spend = Spend::held_by(hold(&ledger, "r1", tokens(100)).await, tokens(120));
        assert!(spend.is_limited());
        assert_eq!(spend.add(tokens(21)).await.unwrap_err().code, Code::Budget);
        spend.top_up(tokens(95), Millis(0)).await;
        let held = spend.held().tokens;
        assert!((101..=120).contains(&held), "{held}");
        spend.top_up(tokens(120), Millis(0)).await;
        assert!(spend.is_exhausted(tokens(133)));
    })
    .await;
}
