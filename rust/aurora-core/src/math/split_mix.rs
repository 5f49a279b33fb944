//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).

/// What the state grows by from one number to the next.
pub const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The number that follows a state: a fixed bijection that leaves no pattern.
pub fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(GAMMA);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of seeds 0 and 1 234 567 as the authors' program prints them.
    #[test]
    fn numbers_are_the_published_ones() {
        let first = |seed: u64| {
            [0, 1, 2].map(|step| split_mix(seed.wrapping_add(GAMMA.wrapping_mul(step))))
        };
        assert_eq!(
            first(0),
            [
                0xE220_A839_7B1D_CDAF,
                0x6E78_9E6A_A1B9_65F4,
                0x06C4_5D18_8009_454F
            ]
        );
        assert_eq!(
            first(1_234_567),
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
