//! Receive times printed as seconds with a fraction.

use aurora_core::units::{parse_quanta, DecimalError};

const DECIMALS: usize = 9;

/// Nanoseconds of `seconds[.fraction]`, exactly; digits finer than a nanosecond are cut off.
///
/// # Errors
/// [`DecimalError`] for anything else.
pub fn nanoseconds(text: &[u8]) -> Result<i64, DecimalError> {
    let end = match text.iter().position(|byte| *byte == b'.') {
        Some(point) if text.len() > point + 1 + DECIMALS => {
            if !text[point + 1..].iter().all(u8::is_ascii_digit) {
                return Err(DecimalError::Malformed);
            }
            point + 1 + DECIMALS
        }
        _ => text.len(),
    };
    match parse_quanta(&text[..end], DECIMALS as u8) {
        Ok(value) if value >= 0 => Ok(value),
        Ok(_) => Err(DecimalError::Malformed),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_exactly() {
        assert_eq!(
            nanoseconds(b"1633998512.0633569"),
            Ok(1_633_998_512_063_356_900)
        );
        assert_eq!(nanoseconds(b"1633998512"), Ok(1_633_998_512_000_000_000));
        assert_eq!(nanoseconds(b"1.12345678999"), Ok(1_123_456_789));
        for bad in [&b"-1.0"[..], b"1e9", b"", b"1.", b"1.1234567890x"] {
            assert_eq!(nanoseconds(bad), Err(DecimalError::Malformed), "{bad:?}");
        }
    }
}
