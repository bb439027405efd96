//! What the fields of `[webhooks]` may be.

use connectors::reach::{IpNet, Plain};

use super::value::{Shape, Value, choices};

/// Networks by CIDR; none when the text is empty.
#[derive(Clone, Debug)]
pub(crate) struct Networks(pub(crate) Vec<IpNet>);

/// Most of them.
const NETWORKS_MAX: usize = 64;

impl Value for Networks {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "networks such as `10.1.0.0/16, fd12::/32`, a comma between two".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let networks: Vec<IpNet> = texts.map(|text| text.parse().ok()).collect::<Option<_>>()?;
        (networks.len() <= NETWORKS_MAX).then_some(Self(networks))
    }
}

choices!(Plain { "refused" => Self::Refused, "allowed" => Self::Allowed });
