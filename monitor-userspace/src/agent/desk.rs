//! The desk of a running agent: where others ask what was seen and hear what happens, without touching
//! the engine.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::sync::{broadcast, oneshot};

use super::mail::{Mail, Post};
use crate::{
    event::Input,
    output::{Finding, Interval, Output, RuleError, Snapshot, View},
};

/// News that a hearer may be behind with before it loses the oldest.
const KEPT_NEWS: usize = 4096;

/// Something that the engine said, for everybody who listens.
#[derive(Clone, Debug)]
pub enum News {
    /// A finding opened, changed or ended.
    Finding(Arc<Finding>),
    /// The state of every watched process, at the end of an interval.
    Interval(Arc<Interval>),
    /// The last state of a process.
    Final(Arc<Snapshot>),
    /// A rule could not be evaluated.
    RuleError(Arc<RuleError>),
}

/// Where others ask and hear. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    post: Post,
    news: broadcast::Sender<News>,
}

/// The engine's end of it.
#[derive(Clone, Debug)]
pub(super) struct Press(broadcast::Sender<News>);

impl Desk {
    /// Opens a desk that is attended to; what attends, and the engine's end.
    pub(super) fn open(
        post: &Post,
        attend: impl FnOnce(Self) -> super::Attending,
    ) -> (super::Attending, Press) {
        let (desk, press) = Self::new(post.clone());
        (attend(desk), press)
    }

    fn new(post: Post) -> (Self, Press) {
        let (news, _) = broadcast::channel(KEPT_NEWS);
        let press = Press(news.clone());
        (Self { post, news }, press)
    }

    /// What was seen until now. An error where the agent is about to end.
    pub async fn view(&self) -> Result<Box<View>> {
        let (answer, answered) = oneshot::channel();
        self.post.send(Mail::Ask(answer));
        answered.await.context("the agent is ending")
    }

    /// What happens from now on. Whoever is more than 4,096 news behind loses the oldest and is told so.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Hands inputs to the engine, which are recorded like all others.
    pub fn feed(&self, inputs: Vec<Input>) {
        self.post.send(Mail::Readings(inputs));
    }
}

impl Press {
    /// Tells everybody who listens.
    pub(super) fn tell(&self, output: &Output<'_>) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let news = match output {
            Output::Finding(finding) => News::Finding(Arc::new((*finding).clone())),
            Output::Interval(interval) => News::Interval(Arc::new((*interval).clone())),
            Output::Final(snapshot) => News::Final(Arc::new((*snapshot).clone())),
            Output::RuleError(error) => News::RuleError(Arc::new((*error).clone())),
            Output::Header(_) | Output::Event(_) | Output::Summary(_) => return,
        };
        // Nobody listens any more: then nobody misses it.
        let _ = self.0.send(news);
    }
}

#[cfg(test)]
impl Desk {
    /// A desk at which an empty view is handed out, each time another.
    pub(crate) fn of_nobody() -> Self {
        let (post, mailbox) = super::mail::Mailbox::new().expect("a mailbox");
        std::thread::spawn(move || {
            while let Ok(mail) = mailbox.mail.recv() {
                if let Mail::Ask(answer) = mail {
                    let _ = answer.send(Box::default());
                }
            }
        });
        Self::new(post).0
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mail::Mailbox, *};
    use crate::output::RuleError;

    #[tokio::test]
    async fn who_listens_hears_and_who_asks_is_answered_or_told_that_it_is_over() {
        let (post, mailbox) = Mailbox::new().unwrap();
        let (desk, press) = Desk::new(post);
        let error = RuleError::default();
        press.tell(&Output::RuleError(&error));
        let mut news = desk.news();
        press.tell(&Output::RuleError(&error));
        assert!(matches!(news.recv().await.unwrap(), News::RuleError(_)));
        assert!(news.try_recv().is_err(), "what was said before is not heard");
        let asking = tokio::spawn({
            let desk = desk.clone();
            async move { desk.view().await }
        });
        tokio::task::yield_now().await;
        let Ok(Mail::Ask(answer)) = mailbox.mail.recv() else { unreachable!("nobody asked") };
        answer.send(Box::default()).unwrap();
        assert!(asking.await.unwrap().is_ok());
        drop(mailbox);
        assert!(desk.view().await.is_err());
    }
}
