#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Messages as they were held before they were packed, serialised as such: the bytes of states and of blocks that
/// travel between processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plain {
    messages: Vec<MessageFields>,
    levels: Vec<Level>,
}

fn packed(plain: &Plain) -> EventBlock {
    let mut block = EventBlock {
        levels: plain.levels.clone(),
        ..EventBlock::default()
    };
    for fields in &plain.messages {
        block.push(*fields);
    }
    block
}

fn unpacked(block: &EventBlock) -> Plain {
    Plain {
        messages: block.messages.iter().map(|m| block.fields(m)).collect(),
        levels: block.levels.clone(),
    }
}

/// Ids near each other as venues send them, small ones, and any at all.
fn id() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..5_u64,
        5_123_107_852_948..5_123_107_852_999_u64,
        u64::from(u32::MAX) - 2..u64::from(u32::MAX) + 3,
        u64::MAX - 2..=u64::MAX,
        any::<u64>(),
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    let message = (
        (id(), id(), id()),
        any::<(i64, i64)>(),
        0..4_u32,
        0..4_u32,
        any::<u8>(),
    );
    prop::collection::vec(message, 0..12).prop_map(|messages| {
        let mut plain = Plain {
            messages: Vec::new(),
            levels: Vec::new(),
        };
        for ((first_id, last_id, previous_id), times, bids, asks, flags) in messages {
            let levels_start = plain.levels.len() as u32;
            for row in 0..bids + asks {
                plain.levels.push(Level {
                    price: i64::from(levels_start + row),
                    size: times.0,
                });
            }
            plain.messages.push(MessageFields {
                local_ns: times.0,
                exchange_ns: times.1,
                first_id,
                last_id,
                previous_id,
                levels_start,
                bids,
                asks,
                kind: MessageKind::Diff,
                flags,
            });
        }
        plain
    })
}

#[test]
fn a_message_takes_48_bytes_and_a_level_16() {
    assert_eq!((size_of::<Message>(), size_of::<Level>()), (48, 16));
}

#[test]
fn only_ids_that_are_neither_near_nor_small_stand_beside_the_table() {
    let fields = |ids: (u64, u64, u64)| MessageFields {
        local_ns: 0,
        exchange_ns: 0,
        first_id: ids.0,
        last_id: ids.1,
        previous_id: ids.2,
        levels_start: 0,
        bids: 0,
        asks: 0,
        kind: MessageKind::Diff,
        flags: 0,
    };
    // Binance, a trade, OKX with its checksum, a snapshot.
    let usual = [
        (5_123_107_852_949, 5_123_107_853_100, 5_123_107_852_948),
        (5_266_583_935, 5_266_583_935, 0),
        (0xFFFF_FFFF, 1_652_405_873_000_123, 1_652_405_873_000_120),
        (0, 5_123_107_852_948, 0),
    ];
    let mut block = EventBlock::default();
    for ids in usual {
        block.push(fields(ids));
    }
    assert!(block.wide_ids.is_empty());
    let far = (1 << 40, 1 << 50, u64::MAX);
    block.push(fields(far));
    assert_eq!(block.wide_ids, [1 << 40, u64::MAX]);
    for (message, ids) in block.messages.iter().zip(usual.into_iter().chain([far])) {
        let read = (
            block.first_id(message),
            message.last_id(),
            block.previous_id(message),
        );
        assert_eq!(read, ids);
    }
}

proptest! {
    #[test]
    fn nothing_of_a_message_is_lost(plain in plain()) {
        prop_assert_eq!(unpacked(&packed(&plain)), plain);
    }

    #[test]
    fn bytes_are_those_of_whole_messages(plain in plain()) {
        let bytes = postcard::to_allocvec(&plain).unwrap();
        let block = packed(&plain);
        prop_assert_eq!(&postcard::to_allocvec(&block).unwrap(), &bytes);
        prop_assert_eq!(postcard::from_bytes::<EventBlock>(&bytes).unwrap(), block);
    }

    #[test]
    fn parts_put_together_are_the_whole(plain in plain(), cuts in prop::collection::vec(0..13_usize, 0..4), one_by_one in any::<bool>()) {
        let whole = packed(&plain);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.messages.len())).collect();
        cuts.extend([0, whole.messages.len()]);
        cuts.sort_unstable();
        let mut again = EventBlock::default();
        for cut in cuts.windows(2) {
            let mut part = EventBlock::default();
            part.extend_from(&whole, cut[0]..cut[1]);
            if one_by_one {
                for message in &part.messages {
                    again.push_from(&part, message);
                }
            } else {
                again.extend_from(&part, 0..part.messages.len());
            }
        }
        prop_assert_eq!(unpacked(&again), plain);
    }
}

#[test]
fn levels_that_lie_in_another_order_are_taken_message_by_message() {
    let mut block = EventBlock::default();
    for price in 1..=2 {
        block.levels.push(Level { price, size: 1 });
    }
    for levels_start in [1, 0] {
        block.push(MessageFields {
            local_ns: 0,
            exchange_ns: 0,
            first_id: 0,
            last_id: 0,
            previous_id: 0,
            levels_start,
            bids: 1,
            asks: 0,
            kind: MessageKind::Diff,
            flags: 0,
        });
    }
    let mut copy = EventBlock::default();
    copy.extend_from(&block, 0..2);
    let prices: Vec<i64> = copy
        .messages
        .iter()
        .map(|m| copy.bids(m)[0].price)
        .collect();
    assert_eq!(prices, [2, 1]);
}
