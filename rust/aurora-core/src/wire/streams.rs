//! Streams that tell the same in more or less detail.

/// No stream has more levels than the whole book, and none a longer name.
const MOST_LEVELS: u64 = 5_000;
const LONGEST_NAME: usize = 64;
/// Longest interval that a name can tell of, ms: streams without one are as slow.
const SLOWEST_MS: u64 = 1_000;

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// How much a stream of book messages or trades tells, where its venue has several of them; more is better. Deep books
/// rank before shallow ones, then fast before slow; single trades before aggregated ones. None for a stream that
/// stands alone.
pub fn stream_rank(stream: &[u8]) -> Option<u64> {
    let rank = |depth: u64, slow_ms: u64| {
        Some(depth * (SLOWEST_MS + 1) + SLOWEST_MS - slow_ms.min(SLOWEST_MS))
    };
    if stream.len() > LONGEST_NAME {
        return None;
    }
    match stream {
        // Binance: single trades, or aggregated by taker order and price. OKX: the same, by other names.
        b"trade" | b"trades-all" => Some(1),
        b"aggTrade" | b"trades" => Some(0),
        // OKX: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
        b"books-l2-tbt" => rank(400, 10),
        b"books" => rank(400, 100),
        b"books50-l2-tbt" => rank(50, 10),
        b"books5" => rank(5, 100),
        _ => {
            if let Some(depth) = stream.strip_prefix(b"orderbook.") {
                // Bybit.
                return rank(number(depth)?.min(MOST_LEVELS), 0);
            }
            // Binance: `depth`, `depth@100ms`, and of the best levels only `depth20@100ms`.
            let rest = stream.strip_prefix(b"depth")?;
            let (levels, speed) = match memchr::memchr(b'@', rest) {
                Some(at) => (&rest[..at], &rest[at + 1..]),
                None => (rest, &b""[..]),
            };
            let slow_ms = speed.strip_suffix(b"ms").and_then(number).unwrap_or(250);
            if levels.is_empty() {
                rank(MOST_LEVELS + 1, slow_ms)
            } else {
                rank(number(levels)?.min(MOST_LEVELS), slow_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Best first; what venues offer beside each other.
    #[test]
    fn deep_before_shallow_then_fast_before_slow() {
        let offers: [&[&str]; 5] = [
            &[
                "depth@0ms",
                "depth@100ms",
                "depth",
                "depth@500ms",
                "depth20@100ms",
                "depth20",
                "depth5@100ms",
            ],
            &[
                "orderbook.1000",
                "orderbook.500",
                "orderbook.200",
                "orderbook.50",
                "orderbook.1",
            ],
            &["books-l2-tbt", "books", "books50-l2-tbt", "books5"],
            &["trade", "aggTrade"],
            &["trades-all", "trades"],
        ];
        for names in offers {
            let ranks: Vec<Option<u64>> = names.iter().map(|n| stream_rank(n.as_bytes())).collect();
            assert!(ranks.iter().all(Option::is_some), "{names:?}");
            assert!(
                ranks.windows(2).all(|pair| pair[0] > pair[1]),
                "{names:?}: {ranks:?}"
            );
        }
    }

    #[test]
    fn names_of_any_length_and_number_have_a_rank_or_none() {
        let most = u64::MAX.to_string();
        for name in [
            format!("orderbook.{most}"),
            format!("depth{most}@{most}ms"),
            format!("depth@{most}ms"),
        ] {
            assert!(stream_rank(name.as_bytes()).is_some(), "{name}");
        }
        assert_eq!(stream_rank(b"orderbook.18446744073709551616"), None);
        let long = format!("orderbook.{}1", "0".repeat(1_000));
        assert_eq!(stream_rank(long.as_bytes()), None);
    }

    #[test]
    fn streams_that_stand_alone_have_no_rank() {
        for name in [
            "snapshot",
            "bookTicker",
            "book",
            "book_snapshot",
            "l2Book",
            "publicTrade",
            "",
            "depthX",
            "orderbook.",
        ] {
            assert_eq!(stream_rank(name.as_bytes()), None, "{name}");
        }
    }
}
