//! Wide integers as floating point.

/// The nearest f64, quickly where the number fits 64 bits: the conversion of 128 bits is a library call.
#[inline]
pub fn to_f64(value: i128) -> f64 {
    match i64::try_from(value) {
        Ok(value) => value as f64,
        Err(_) => of_128_bits(value),
    }
}

/// Apart, or the compiler sees that both ways say the same and takes the library call for both.
#[cold]
#[inline(never)]
fn of_128_bits(value: i128) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_conversion(value in any::<i128>(), narrow in any::<i64>(), shift in 0u32..64) {
            prop_assert_eq!(to_f64(value), value as f64);
            let value = i128::from(narrow) << shift;
            prop_assert_eq!(to_f64(value), value as f64);
        }
    }
}
