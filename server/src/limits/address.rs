//! The address by which clients are told apart.

use std::net::{IpAddr, Ipv6Addr};

/// A client's address, as precisely as clients can be told apart. For IPv6, it is the network of 64
/// bits from which one customer can choose addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Ipv6Addr::from(network).into()
            }
            address => address,
        })
    }
}
