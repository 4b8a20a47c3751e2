use std::sync::atomic::Ordering;

use super::*;
use crate::environment::testing::world;

struct Echo;

impl Actor for Echo {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Say(u32);

impl Handler<Say> for Echo {
    type Result = u32;
    fn handle(&mut self, Say(number): Say, _: &mut Context<Self>) -> u32 {
        assert_ne!(number, 13, "a poisoned message");
        number
    }
}

async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}

#[tokio::test]
async fn a_panic_in_one_handler_is_survived_by_its_siblings_and_restarted() {
    local(async {
        let (world, _) = world();
        let poisoned = Supervised::start("echo", world.clone(), || Echo);
        let sibling = Supervised::start("echo", world, || Echo);
        assert_eq!(poisoned.ask(Say(1)).await.unwrap(), 1);
        assert_eq!(poisoned.ask(Say(13)).await.unwrap_err().code, Code::Internal);
        assert_eq!(sibling.ask(Say(2)).await.unwrap(), 2);
        assert_eq!(
            poisoned.ask(Say(3)).await.unwrap(),
            3,
            "restarted by the next caller"
        );
    })
    .await;
}

#[tokio::test]
async fn a_spent_restart_budget_says_when_to_come_back() {
    local(async {
        let (world, clock) = world();
        let echo = Supervised::start("echo", world, || Echo);
        for _ in 0..=RestartBudget::DEFAULT.0 {
            assert!(echo.ask(Say(13)).await.is_err());
        }
        let fault = echo.ask(Say(1)).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.retry_after_ms),
            (Code::Internal, Some(RestartBudget::DEFAULT.1))
        );
        clock.0.store(RestartBudget::DEFAULT.1 * 1_000, Ordering::Relaxed);
        assert_eq!(echo.ask(Say(1)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_watch_restarts_what_nobody_calls_and_ends_with_its_holders() {
    local(async {
        let (world, _) = world();
        let echo = Supervised::start("echo", world, || Echo);
        let child: Rc<dyn Watched> = Rc::new(echo.clone());
        let watching =
            tokio::task::spawn_local(watch(vec![Rc::downgrade(&child)], Duration::from_millis(100)));
        assert!(echo.ask(Say(13)).await.is_err());
        tokio::time::advance(Duration::from_millis(150)).await;
        tokio::task::yield_now().await;
        assert!(echo.inner.borrow().addr.connected());
        drop(child);
        watching.await.unwrap();
    })
    .await;
}
