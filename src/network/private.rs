//! Addresses outside of the public network, and the hosts that may have them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::Host;

use super::HostPattern;

/// Whether an address is of the public network: not this machine, not the local network, not a
/// cloud's own service.
///
/// By the special-purpose registries of IANA (RFC 6890), read strictly.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(matches!(a, 0 | 10 | 127 | 224..)
        || (a == 100 && b & 0xc0 == 64)
        || (a == 169 && b == 254)
        || (a == 172 && b & 0xf0 == 16)
        || (a == 192 && (b == 168 || (b == 0 && matches!(c, 0 | 2)) || (b == 88 && c == 99)))
        || (a == 198 && (b & 0xfe == 18 || (b == 51 && c == 100)))
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = inner_v4(address) {
        return is_public_v4(inner);
    }
    // Only global unicast is public, except documentation and protocols.
    let [a, b, ..] = address.segments();
    a & 0xe000 == 0x2000 && !(a == 0x2001 && (b < 0x200 || b == 0x0db8)) && a != 0x3fff
}

/// The address of version 4 inside one of version 6: mapped, translated (RFC 6052) or tunnelled
/// (6to4).
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => of(g, h),
        (0x2002, ..) => of(b, c),
        _ => None,
    }
}

/// An entry of `network.private`: a range of addresses, or a host that may have any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrivateHost {
    /// Addresses that begin with so many bits of this one.
    Range(IpAddr, u32),
    Host(HostPattern),
}

impl PrivateHost {
    /// The form of an entry, for messages.
    pub(crate) const EXPECTED: &str =
        "an address such as 192.168.1.20, a range such as 10.0.0.0/8, or a host name";

    /// Whether the entry permits `host`, which is at `address`.
    pub(super) fn permits(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Range(from, bits) => shares(*from, address, *bits),
            Self::Host(pattern) => pattern.names(host),
        }
    }
}

/// Whether two addresses begin with the same bits.
fn shares(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    let bits_of = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
        IpAddr::V6(address) => (address.to_bits(), false),
    };
    let ((a, a_is_v4), (b, b_is_v4)) = (bits_of(a), bits_of(b));
    a_is_v4 == b_is_v4 && (bits == 0 || (a ^ b) >> (128 - bits) == 0)
}

impl FromStr for PrivateHost {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_not_an_address| ())?;
            let bits = bits.parse().map_err(|_not_a_number| ())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            return if bits <= most { Ok(Self::Range(address, bits)) } else { Err(()) };
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return Ok(Self::Range(address, bits));
        }
        text.parse().map(Self::Host)
    }
}

/// The address that a host is written as.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    match Host::parse(host).ok()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// Whether a host's name is one of this machine.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_is_what_no_registry_keeps_apart() {
        let public = ["1.1.1.1", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111"];
        for address in public {
            assert!(is_public(ip(address)), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.2",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(ip(address)), "{address}");
        }
    }

    #[test]
    fn ranges_and_names() {
        let permits = |entry: &str, host: &str, address: &str| {
            entry.parse::<PrivateHost>().unwrap().permits(host, ip(address))
        };
        assert!(permits("10.0.0.0/8", "a.b", "10.255.0.1"));
        assert!(permits("10.0.0.0/8", "a.b", "::ffff:10.255.0.1"));
        assert!(!permits("10.0.0.0/8", "a.b", "11.0.0.1"));
        assert!(!permits("10.0.0.0/8", "a.b", "fd00::1"));
        assert!(permits("0.0.0.0/0", "a.b", "192.168.1.1"));
        assert!(permits("192.168.1.20", "a.b", "192.168.1.20"));
        assert!(!permits("192.168.1.20", "a.b", "192.168.1.21"));
        assert!(permits("[fd00::1]", "a.b", "fd00::1"));
        assert!(permits("fd00::/8", "a.b", "fdab::1"));
        assert!(permits("*.corp.example", "media.corp.example", "10.0.0.1"));
        assert!(!permits("*.corp.example", "media.example", "10.0.0.1"));
        for wrong in ["10.0.0.0/33", "10.0.0/8", "a/8", "", "*", "http://a.b"] {
            assert_eq!(wrong.parse::<PrivateHost>(), Err(()), "{wrong}");
        }
    }
}
