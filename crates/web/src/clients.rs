//! Allowances: how many requests one client may send.
//!
//! A client's allowance is found once a connection (or lives with its API key), so that counting a
//! request is one atomic step, not a look-up.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::limits::Limits;

/// One client's allowance; `None` is unlimited.
pub type Allowance = Option<Arc<DefaultDirectRateLimiter>>;

/// The allowances of clients without a key, by address.
pub struct Clients {
    limits: Limits,
    known: Mutex<HashMap<IpAddr, Arc<DefaultDirectRateLimiter>>>,
    /// What addresses share that are too many to tell apart.
    rest: Allowance,
}

impl Clients {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let rest = allowance(limits).map(Arc::new);
        Self { limits: limits.clone(), known: Mutex::default(), rest }
    }

    /// The allowance of the client at `address`.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Allowance {
        let address = site(address);
        if address.is_loopback() {
            return None;
        }
        let mut known = self.known.lock();
        if let Some(client) = known.get(&address) {
            return Some(client.clone());
        }
        if known.len() >= self.limits.rate_clients_max {
            // Those without a connection now are forgotten; their allowance begins anew.
            known.retain(|_, client| Arc::strong_count(client) > 1);
        }
        if known.len() >= self.limits.rate_clients_max {
            return self.rest.clone();
        }
        let client = Arc::new(allowance(&self.limits)?);
        known.insert(address, client.clone());
        Some(client)
    }
}

/// The address that a client is known by: a /64 of IPv6 is one household.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64)))
        }
        address => address,
    }
}

/// A fresh allowance; `None` when there is no limit.
pub(crate) fn allowance(limits: &Limits) -> Option<DefaultDirectRateLimiter> {
    let quota = Quota::per_second(limits.rate_per_second?).allow_burst(limits.rate_burst);
    Some(RateLimiter::direct(quota))
}

/// Counts one request.
///
/// # Errors
/// How long to wait when the allowance is used up.
pub(crate) fn count(allowance: Option<&DefaultDirectRateLimiter>) -> Result<(), Duration> {
    let Some(allowance) = allowance else { return Ok(()) };
    let wait =
        |not_until: governor::NotUntil<_>| not_until.wait_time_from(DefaultClock::default().now());
    allowance.check().map_err(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn limits(clients: usize) -> Limits {
        Limits {
            rate_per_second: NonZeroU32::new(1),
            rate_burst: NonZeroU32::new(2).unwrap(),
            rate_clients_max: clients,
            ..Limits::default()
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_waits_after_its_burst_and_others_do_not() {
        let clients = Clients::new(&limits(10));
        let one = clients.of(address("192.0.2.1"));
        assert!(count(one.as_deref()).is_ok());
        assert!(count(one.as_deref()).is_ok());
        let again = clients.of(address("192.0.2.1"));
        assert!(count(again.as_deref()).unwrap_err() > Duration::from_millis(500));
        assert!(count(clients.of(address("192.0.2.2")).as_deref()).is_ok());
        assert!(clients.of(address("127.0.0.1")).is_none());
        assert!(clients.of(address("::ffff:127.0.0.1")).is_none());
    }

    #[test]
    fn too_many_addresses_share_one_allowance() {
        let clients = Clients::new(&limits(1));
        let held = clients.of(address("192.0.2.1"));
        let (a, b) = (clients.of(address("192.0.2.2")), clients.of(address("192.0.2.3")));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        drop(held);
        let c = clients.of(address("192.0.2.4"));
        assert!(
            !Arc::ptr_eq(&c.unwrap(), clients.rest.as_ref().unwrap()),
            "the quiet are forgotten"
        );
    }

    #[test]
    fn a_household_is_one_client() {
        assert_eq!(site(address("2001:db8::1")), site(address("2001:db8::ffff:1")));
        assert_ne!(site(address("2001:db8::1")), site(address("2001:db8:0:1::1")));
    }
}
