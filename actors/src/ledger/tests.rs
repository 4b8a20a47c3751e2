use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atp_protocol::adapter::UsageSource;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::Limits;
use tokio::task::LocalSet;

use super::LogFailed;
use super::testing::{Appending, account, hold, ledger_over, put};
use crate::environment::testing::world;

/// The ledger has looked about itself once in this time.
const TICK: Duration = Duration::from_millis(250);

const AMOUNT: Amount = Amount {
    tokens: 1,
    usd_micros: 1,
};

/// Fails as told, once.
fn failing(failure: LogFailed) -> impl FnMut() -> Result<(), LogFailed> + Send + 'static {
    let mut failure = Some(failure);
    move || failure.take().map_or(Ok(()), Err)
}

fn kept() -> Result<(), LogFailed> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_full_disk_kept_from_being_settled_is_settled_once_there_is_space() {
    LocalSet::new()
        .run_until(async {
            let is_full = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&is_full);
            let log = Appending(move || match told.load(Ordering::Relaxed) {
                true => Err(LogFailed::Full),
                false => Ok(()),
            });
            let ledger = ledger_over(Box::new(Appending(kept)), Box::new(log), world().0);
            let limit = Amount::ZERO.plus(AMOUNT).plus(AMOUNT).plus(AMOUNT);
            put(&ledger, limit).await;
            let spent = hold(&ledger, "spent", AMOUNT.plus(AMOUNT)).await;
            let unused = hold(&ledger, "unused", AMOUNT).await;

            is_full.store(true, Ordering::Relaxed);
            let settled = spent.settle(AMOUNT, Amount::ZERO, UsageSource::Reported).await;
            settled.expect("it is put off");
            unused.release().await.expect("it is put off");
            tokio::time::sleep(TICK * 3).await;
            let balance = async || ledger.account(account()).await.unwrap().unwrap().balance;
            assert_eq!(
                balance().await.held,
                limit,
                "room is given back when it is on record"
            );

            is_full.store(false, Ordering::Relaxed);
            tokio::time::sleep(TICK * 3).await;
            let (settled, held) = (balance().await.settled, balance().await.held);
            assert_eq!((settled, held), (AMOUNT, Amount::ZERO));
        })
        .await;
}

async fn refused(ledger: &crate::ledger::LedgerHandle) -> Fault {
    let id = AccountId::new("t").unwrap();
    let made = ledger.put(id, None, Limits::default()).await;
    made.expect_err("the journal takes nothing")
}

#[tokio::test]
async fn a_full_disk_refuses_what_may_be_tried_again_and_the_ledger_goes_on() {
    LocalSet::new()
        .run_until(async {
            let ledger = ledger_over(
                Box::new(Appending(failing(LogFailed::Full))),
                Box::new(Appending(kept)),
                world().0,
            );
            assert!(refused(&ledger).await.retry().is_retryable());
            put(&ledger, AMOUNT).await;
            drop(hold(&ledger, "h", AMOUNT).await);
            assert!(ledger.is_alive());
        })
        .await;
}

#[tokio::test]
async fn a_journal_that_failed_ends_the_ledger() {
    LocalSet::new()
        .run_until(async {
            let ended = LogFailed::Ended("no such device".to_owned());
            let ledger = ledger_over(
                Box::new(Appending(failing(ended))),
                Box::new(Appending(kept)),
                world().0,
            );
            assert!(!refused(&ledger).await.retry().is_retryable());
            refused(&ledger).await;
            let ending = async {
                while ledger.is_alive() {
                    tokio::time::sleep(TICK).await;
                }
            };
            let over = tokio::time::timeout(TICK * 20, ending).await;
            over.expect("readiness sees the end");
        })
        .await;
}
