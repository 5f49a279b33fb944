//! Why a feature has no value.
//!
//! In float columns an undefined value is a NaN that carries its reason in the payload: nothing else has to be stored
//! beside it, and it leaves for users as null with the reason at hand.

use serde::{Deserialize, Serialize};

/// The reason for an undefined value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Undefined {
    /// The book is not synchronised, or a side of it is empty.
    NoTouch = 1,
    /// Fewer observations than the definition needs.
    WarmingUp = 2,
    /// No trade within the window.
    NoTrades = 3,
    /// The formula has no value here: a denominator is zero, or a root's argument is negative.
    Degenerate = 4,
    /// The kernel needs parameters that were not given (a fitted table, weights, a leader).
    NotFitted = 5,
}

impl Undefined {
    pub const ALL: [Undefined; 5] = [
        Undefined::NoTouch,
        Undefined::WarmingUp,
        Undefined::NoTrades,
        Undefined::Degenerate,
        Undefined::NotFitted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Undefined::NoTouch => "no_touch",
            Undefined::WarmingUp => "warming_up",
            Undefined::NoTrades => "no_trades",
            Undefined::Degenerate => "degenerate",
            Undefined::NotFitted => "not_fitted",
        }
    }

    /// The quiet NaN that stands for this reason in a column.
    pub fn to_nan(self) -> f64 {
        f64::from_bits(f64::NAN.to_bits() & !0xFF | self as u64)
    }

    /// The reason a column's value is undefined for; None for a number.
    pub fn of(value: f64) -> Option<Undefined> {
        if !value.is_nan() {
            return None;
        }
        let code = (value.to_bits() & 0xFF) as u8;
        Undefined::ALL
            .into_iter()
            .find(|reason| *reason as u8 == code)
            .or(Some(Undefined::Degenerate))
    }
}

/// A column's cell: the value, or the NaN of its reason.
pub fn cell(value: Result<f64, Undefined>) -> f64 {
    match value {
        Ok(value) if !value.is_nan() => value,
        Ok(_) => Undefined::Degenerate.to_nan(),
        Err(reason) => reason.to_nan(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_survive_in_a_column() {
        for reason in Undefined::ALL {
            assert!(reason.to_nan().is_nan());
            assert_eq!(Undefined::of(cell(Err(reason))), Some(reason));
        }
        assert_eq!(Undefined::of(cell(Ok(0.0))), None);
        assert_eq!(
            Undefined::of(cell(Ok(f64::NAN))),
            Some(Undefined::Degenerate)
        );
    }
}
