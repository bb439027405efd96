//! The lake among those who follow the log, for `/v1/followers`, `/ready` and metrics.

use std::sync::Arc;

use domain::id::OrderKey;
use lake::present::Lake;
use service::follow::Holding;
use service::ledger::Unavailable;
use web::followers::{Follower, FollowerRuns, Standing};

use super::NAME;
use crate::followers::Followers;

/// All who follow the log.
pub(crate) struct Listed {
    pub(crate) followers: Arc<Followers>,
    pub(crate) lake: Arc<Lake>,
}

impl Listed {
    fn lake(&self) -> Follower {
        let standing = match self.lake.figures().stopped {
            Some(why) => Standing::Damaged(why.into()),
            None => Standing::Driven(self.lake.status()),
        };
        Follower { name: NAME.into(), standing }
    }

    fn with_lake(&self, mut followers: Vec<Follower>) -> Vec<Follower> {
        followers.push(self.lake());
        followers.sort_by(|a, b| a.name.cmp(&b.name));
        followers
    }
}

impl FollowerRuns for Listed {
    fn list(&self) -> Result<Vec<Follower>, Unavailable> {
        self.followers.list().map(|all| self.with_lake(all))
    }

    fn driven(&self) -> Vec<Follower> {
        self.with_lake(self.followers.driven())
    }

    fn holding(&self, order: &OrderKey) -> Vec<(Box<str>, Holding)> {
        // The lake waits for no order by itself.
        self.followers.holding(order)
    }

    fn enable(&self, name: &str) -> bool {
        self.followers.enable(name)
    }
}
