//! Decimals as a request carries them: exact, with the digits that were written.

use serde::{Deserialize, Serialize};

use super::error::VenueError;
use crate::units::{power_of_ten, MAX_EXPONENT};

/// `mantissa × 10^-exponent`; a payload's price or quantity before the venue has judged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decimal {
    pub mantissa: i64,
    pub exponent: u8,
}

impl Decimal {
    pub fn new(mantissa: i64, exponent: u8) -> Decimal {
        Decimal { mantissa, exponent }
    }

    /// The same number without trailing zeros after the point.
    #[must_use]
    pub fn trimmed(self) -> Decimal {
        let mut trimmed = self;
        while trimmed.exponent > 0 && trimmed.mantissa % 10 == 0 {
            trimmed.mantissa /= 10;
            trimmed.exponent -= 1;
        }
        trimmed
    }

    /// In quanta of `10^-exponent`; None where the number is finer than that.
    ///
    /// # Errors
    /// [`VenueError::InvalidMessage`] where it does not fit 64 bits.
    pub fn quanta(self, exponent: u8) -> Result<Option<i64>, VenueError> {
        let trimmed = self.trimmed();
        let Some(digits) = exponent.checked_sub(trimmed.exponent) else {
            return Ok(None);
        };
        if digits > MAX_EXPONENT {
            return Err(VenueError::InvalidMessage);
        }
        trimmed
            .mantissa
            .checked_mul(power_of_ten(digits))
            .map(Some)
            .ok_or(VenueError::InvalidMessage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quanta_are_exact_or_none() {
        assert_eq!(Decimal::new(6_180_020, 2).quanta(1), Ok(Some(618_002)));
        assert_eq!(Decimal::new(6_180_021, 2).quanta(1), Ok(None));
        assert_eq!(Decimal::new(-15, 1).quanta(3), Ok(Some(-1500)));
        assert_eq!(Decimal::new(0, 9).quanta(0), Ok(Some(0)));
        assert_eq!(
            Decimal::new(i64::MAX, 0).quanta(1),
            Err(VenueError::InvalidMessage)
        );
    }
}
