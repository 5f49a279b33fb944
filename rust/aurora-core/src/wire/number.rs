//! Numbers that JSON writers print with an exponent, rewritten exactly.

/// Longest text that a number may become; what is longer fits no 64-bit quanta.
const LONGEST: usize = 64;

/// A JSON number as plain decimal text, held without allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainDecimal {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Whether a number's text needs rewriting.
pub(super) fn has_exponent(text: &[u8]) -> bool {
    memchr::memchr2(b'e', b'E', text).is_some()
}

impl PlainDecimal {
    /// Rewrites `1.5e-7` as `0.00000015`. None for text that is no JSON number, or one too long to hold.
    pub(super) fn of(text: &[u8]) -> Option<PlainDecimal> {
        let (sign, unsigned) = match text {
            [b'-', rest @ ..] => (&b"-"[..], rest),
            _ => (&b""[..], text),
        };
        let split = memchr::memchr2(b'e', b'E', unsigned)?;
        let (mantissa, exponent) = (&unsigned[..split], &unsigned[split + 1..]);
        let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
            Some(point) if point + 1 < mantissa.len() => {
                (&mantissa[..point], &mantissa[point + 1..])
            }
            Some(_) => return None,
            None => (mantissa, &b""[..]),
        };
        if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let digits = whole.len() + fraction.len();
        let point = i64::try_from(whole.len())
            .ok()?
            .checked_add(read_exponent(exponent)?)?;
        let mut plain = PlainDecimal {
            bytes: [0; LONGEST],
            length: 0,
        };
        plain.push(sign)?;
        if point <= 0 {
            plain.push(b"0.")?;
            plain.zeros(point.unsigned_abs())?;
        }
        for (nth, digit) in (0i64..).zip(whole.iter().chain(fraction)) {
            if nth == point && nth > 0 {
                plain.push(b".")?;
            }
            plain.push(&[*digit])?;
        }
        plain.zeros(
            u64::try_from(point)
                .unwrap_or(0)
                .saturating_sub(digits as u64),
        )?;
        Some(plain)
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, text: &[u8]) -> Option<()> {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(text);
        self.length = end;
        Some(())
    }

    fn zeros(&mut self, count: u64) -> Option<()> {
        let count = usize::try_from(count).ok()?;
        let end = self.length.checked_add(count)?;
        self.bytes.get_mut(self.length..end)?.fill(b'0');
        self.length = end;
        Some(())
    }
}

/// Reads `[+-]digits`.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0i64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| value.checked_mul(10)?.checked_add(i64::from(digit)))?
    })?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::units::parse_quanta;
    use proptest::prelude::*;

    fn plain(text: &str) -> Option<String> {
        PlainDecimal::of(text.as_bytes()).map(|p| String::from_utf8(p.text().to_vec()).unwrap())
    }

    #[test]
    fn exponents_move_the_point() {
        for (text, expected) in [
            ("1e-7", "0.0000001"),
            ("1.5E-7", "0.00000015"),
            ("1E5", "100000"),
            ("1.0E5", "100000"),
            ("1.25e+1", "12.5"),
            ("12.5e0", "12.5"),
            ("0E-10", "0.0000000000"),
            ("0.0e0", "0.0"),
            ("-2.5e1", "-25"),
            ("1234e-2", "12.34"),
            ("1234e-4", "0.1234"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_long_is_none() {
        for text in [
            "",
            "e",
            "1e",
            "e5",
            ".5e1",
            "1.e1",
            "1e+",
            "1e-",
            "1e1.5",
            "--1e1",
            "+1e1",
            "1x1e1",
            "1e99999999999999999999",
            "1e-9223372036854775808",
            "1e9223372036854775807",
            "1e64",
            "1e-64",
            "1.1.1e1",
            "12",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    proptest! {
        /// Oracle: the same product in 128-bit integers.
        #[test]
        fn values_are_exact(
            mantissa in 0i128..1_000_000_000,
            decimals in 0usize..6,
            exponent in -6i32..6,
            capital in any::<bool>(),
        ) {
            let digits = format!("{mantissa:0width$}", width = decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let e = if capital { 'E' } else { 'e' };
            let text = if decimals == 0 { format!("{whole}{e}{exponent}") } else { format!("{whole}.{fraction}{e}{exponent}") };
            let quanta = mantissa * 10i128.pow((12 - decimals as i32 + exponent) as u32);
            match i64::try_from(quanta) {
                Ok(expected) => prop_assert_eq!(parse_quanta(plain(&text).unwrap().as_bytes(), 12), Ok(expected)),
                Err(_) => prop_assert!(parse_quanta(plain(&text).unwrap().as_bytes(), 12).is_err()),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = PlainDecimal::of(&bytes);
        }
    }
}
