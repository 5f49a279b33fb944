use super::*;
use crate::book::{SortedLadder, WindowLadder};
use crate::units::format_quanta;
use proptest::prelude::*;

fn ladder(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> SortedLadder {
    let mut ladder = SortedLadder::default();
    for (price, size) in bids {
        ladder.set(Side::Buy, *price, *size);
    }
    for (price, size) in asks {
        ladder.set(Side::Sell, *price, *size);
    }
    ladder
}

const TENTHS: Decimals = Decimals {
    price_exponent: 1,
    size_exponent: 0,
};

/// The documentation's two examples; the sums are those of zlib over the strings it prints.
#[test]
fn the_examples_of_the_documentation() {
    // 3366.1:7:3366.8:9:3366:6:3368:8
    let both = ladder(&[(33_661, 7), (33_660, 6)], &[(33_668, 9), (33_680, 8)]);
    assert_eq!(checksum(&both, TENTHS), 2_413_953_002);
    // 3366.1:7:3366.8:9:3368:8:3372:8
    let uneven = ladder(&[(33_661, 7)], &[(33_668, 9), (33_680, 8), (33_720, 8)]);
    assert_eq!(checksum(&uneven, TENTHS), 831_078_360);
    assert_eq!(checksum(&ladder(&[], &[]), TENTHS), 0);
}

#[test]
fn levels_behind_the_twenty_fifth_do_not_count() {
    let bids: Vec<(i64, i64)> = (0..25).map(|n| (1_000 - n, 1 + n)).collect();
    let asks: Vec<(i64, i64)> = (0..25).map(|n| (1_001 + n, 1 + n)).collect();
    let sum = checksum(&ladder(&bids, &asks), TENTHS);
    let mut more = ladder(&bids, &asks);
    more.set(Side::Buy, 900, 5);
    more.set(Side::Sell, 2_000, 5);
    assert_eq!(checksum(&more, TENTHS), sum);
    more.set(Side::Buy, bids[24].0, 6);
    assert_ne!(checksum(&more, TENTHS), sum);
}

/// CRC32 (IEEE 802.3) bit by bit, from its definition.
fn plain_crc32(text: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in text {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

/// The same from the documentation's words: strings in a list, joined.
fn plain_checksum(ladder: &impl Ladder, decimals: Decimals) -> u32 {
    let (bids, asks) = (ladder.top(Side::Buy, 25), ladder.top(Side::Sell, 25));
    let mut parts = Vec::new();
    for nth in 0..25 {
        for level in [bids.get(nth), asks.get(nth)].into_iter().flatten() {
            parts.push(format_quanta(level.price, decimals.price_exponent));
            parts.push(format_quanta(level.size, decimals.size_exponent));
        }
    }
    plain_crc32(parts.join(":").as_bytes())
}

proptest! {
    #[test]
    fn any_book_sums_as_its_strings_do(
        bids in prop::collection::vec((0i64..2_000, 1i64..i64::MAX), 0..40),
        asks in prop::collection::vec((0i64..=i64::MAX, 1i64..10_000), 0..40),
        price_exponent in 0u8..=18,
        size_exponent in 0u8..=18,
    ) {
        let decimals = Decimals { price_exponent, size_exponent };
        let sorted = ladder(&bids, &asks);
        prop_assert_eq!(checksum(&sorted, decimals), plain_checksum(&sorted, decimals));
        let mut window = WindowLadder::new(1);
        for (price, size) in bids {
            window.set(Side::Buy, price, size);
        }
        prop_assert_eq!(window.level_count(Side::Buy), sorted.level_count(Side::Buy));
    }
}
