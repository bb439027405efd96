//! Which addresses may be called. Whoever may name an address to be called (a webhook endpoint)
//! could name one inside our network; so what is not on the public internet is refused unless the
//! settings allow its network.
//!
//! A name is judged by the addresses it resolves to at the moment of the connection: what it
//! resolved to earlier proves nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use ipnet::IpNet;
use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::Url;

/// Which addresses may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every one, with or without TLS: for addresses that only the operator can name.
    Anywhere,
    /// The public internet, and networks that are allowed by name.
    Public {
        /// Networks beside it.
        allowed: Vec<IpNet>,
        /// Whether `http:` will do; it always will towards an allowed network's literal address.
        plain: Plain,
    },
}

/// Whether a call may go without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is not an address that HTTP goes to.
    #[error("the address is no URL of http or https with a host")]
    Url,
    /// It goes without TLS.
    #[error("the address is not https")]
    Plain,
    /// It holds a user's name or password, which lists would show.
    #[error("the address holds credentials")]
    Credentials,
    /// It is not on the public internet, and no setting allows its network.
    #[error("{0} is not a public address")]
    Private(IpAddr),
    /// What the name resolves to is not on the public internet.
    #[error("{name} resolves to no public address")]
    Resolves {
        /// The name.
        name: Box<str>,
    },
}

impl Reach {
    /// Judges an address as far as its text goes. What a name resolves to is judged when it is
    /// connected to.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Forbidden::Url),
        };
        // The parser has read `0x7f.1`, `2130706433` and their like as the addresses they are.
        let literal = match url.host_str().ok_or(Forbidden::Url)? {
            "" => return Err(Forbidden::Url),
            host => host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok(),
        };
        let Self::Public { allowed, plain } = self else { return Ok(()) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::Credentials);
        }
        if let Some(ip) = literal.filter(|ip| !self.admits(*ip)) {
            return Err(Forbidden::Private(ip));
        }
        let inside = literal.is_some_and(|ip| is_in(allowed, ip));
        if tls || inside || *plain == Plain::Allowed { Ok(()) } else { Err(Forbidden::Plain) }
    }

    /// Whether a connection may be made to `ip`.
    #[must_use]
    pub fn admits(&self, ip: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public { allowed, .. } => is_in(allowed, ip) || is_public(ip),
        }
    }
}

fn is_in(networks: &[IpNet], ip: IpAddr) -> bool {
    let plain = embedded(ip);
    networks.iter().any(|network| network.contains(&ip) || network.contains(&plain))
}

/// Whether an address is one of the public internet, by IANA's registries of special addresses.
fn is_public(ip: IpAddr) -> bool {
    match embedded(ip) {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_V6.contains(&v6) && !SPECIAL_V6.iter().any(|network| network.contains(&v6))
        }
    }
}

/// The IPv4 address that a connection to `ip` ends at, where it is mapped or translated.
fn embedded(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        ip => ip,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(a: u16, b: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

/// Translation to IPv4 (RFC 6052).
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);
/// What of IPv6 is given out at all: everything else is local, multicast or nobody's.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this network
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // between a carrier and its customers
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // a cloud's own services, at a public address
    v4(169, 254, 0, 0, 16),   // link-local, where clouds serve credentials
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
];

const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments, tunnels among them
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4: any IPv4 address inside
    v6(0x3fff, 0, 20),     // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    fn public() -> Reach {
        Reach::Public { allowed: Vec::new(), plain: Plain::Refused }
    }

    fn check(reach: &Reach, url: &str) -> Result<(), Forbidden> {
        reach.check(&url.parse().map_err(|_| Forbidden::Url)?)
    }

    #[test]
    fn no_spelling_of_an_inner_address_passes() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "127.0.0.1.",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::ffff:0:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::7f00:1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::1]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let judged = check(&public(), &format!("https://{host}/hook"));
            assert!(matches!(judged, Err(Forbidden::Private(_))), "{host}: {judged:?}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for host in
            ["example.com", "8.8.8.8", "172.32.0.1", "[2606:4700::1111]", "[64:ff9b::808:808]"]
        {
            assert_eq!(
                check(&public(), &format!("https://{host}:8443/hook?x=1")),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn what_http_does_not_go_to_is_no_address() {
        for url in ["file:///etc/passwd", "ftp://example.com", "mailto:a@b.c", "gopher://h", ""] {
            assert_eq!(check(&public(), url), Err(Forbidden::Url), "{url}");
            assert_eq!(check(&Reach::Anywhere, url), Err(Forbidden::Url), "{url}");
        }
        let with_password = check(&public(), "https://me:secret@example.com");
        assert_eq!(with_password, Err(Forbidden::Credentials));
        assert_eq!(check(&public(), "http://example.com"), Err(Forbidden::Plain));
    }

    #[test]
    fn an_allowed_network_opens_itself_and_nothing_else() {
        let reach = Reach::Public {
            allowed: vec!["127.0.0.0/8".parse().unwrap(), "fd12::/16".parse().unwrap()],
            plain: Plain::Refused,
        };
        for url in [
            "http://127.0.0.1:80/",
            "https://127.9.9.9/",
            "http://[fd12::1]/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert_eq!(check(&reach, url), Ok(()), "{url}");
        }
        for url in ["https://10.0.0.1/", "https://[fd13::1]/", "https://169.254.169.254/"] {
            assert!(matches!(check(&reach, url), Err(Forbidden::Private(_))), "{url}");
        }
        assert_eq!(check(&reach, "http://example.com/"), Err(Forbidden::Plain));
    }
}
