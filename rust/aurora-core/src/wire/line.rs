//! A line of a raw capture: receive time, one space, one JSON frame.

use super::{WireError, WireFault};

/// Receive time of a line and where its frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTime {
    pub local_ns: i64,
    pub json_start: usize,
}

/// Splits a line. The unit of the receive time follows from its digits: 19 are ns, 16 µs, 13 ms.
///
/// # Errors
/// [`WireFault::ReceiveTime`] when the line does not begin with such a number and a space.
#[inline]
pub fn split_line(line: &[u8]) -> Result<LineTime, WireError> {
    let mut value: i64 = 0;
    let mut at = 0;
    while at < line.len() && at < 19 {
        let digit = line[at].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        at += 1;
    }
    let scale = match at {
        19 => 1,
        16 => 1_000,
        13 => 1_000_000,
        _ => 0,
    };
    // Years after 2262 are beyond 64 bits of nanoseconds.
    match value.checked_mul(scale) {
        Some(local_ns) if scale > 0 && value >= 0 && line.get(at) == Some(&b' ') => Ok(LineTime {
            local_ns,
            json_start: at + 1,
        }),
        _ => Err(WireError {
            byte: at,
            fault: WireFault::ReceiveTime,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_unit_follows_from_the_digits() {
        let ns = split_line(b"1723161255030314667 {").unwrap();
        assert_eq!(
            (ns.local_ns, ns.json_start),
            (1_723_161_255_030_314_667, 20)
        );
        assert_eq!(
            split_line(b"1723161255030314 {").unwrap().local_ns,
            1_723_161_255_030_314_000
        );
        assert_eq!(
            split_line(b"1723161255030 {").unwrap().local_ns,
            1_723_161_255_030_000_000
        );
    }

    #[test]
    fn other_beginnings_are_refused() {
        for bad in [
            &b""[..],
            b"{",
            b"17231612550 {}",
            b"9999999999999999999 {",
            b"9999999999999999 {",
            b"9999999999999 {",
            b"1723161255030314667{}",
            b"99999999999999999999 {}",
        ] {
            assert_eq!(split_line(bad).unwrap_err().fault, WireFault::ReceiveTime);
        }
    }
}
