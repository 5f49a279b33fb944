//! The market trade: what every trade-shaped kernel is fed with.

use serde::{Deserialize, Serialize};

use crate::event::{EventBlock, Message, MessageKind, FLAG_BUYER_IS_MAKER, FLAG_NO_MARKET_TRADE};
use crate::instrument::Side;

/// A print that counts in trade features: a market trade of a positive size at a positive price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketTrade {
    /// Receive time in nanoseconds.
    pub local_ns: i64,
    /// Price quanta.
    pub price: i64,
    /// Size quanta.
    pub size: i64,
    /// Who took: [`Side::Buy`] (sign +1) lifted an offer, [`Side::Sell`] (sign −1) hit a bid.
    pub aggressor: Side,
}

impl MarketTrade {
    /// The market trade a message holds. None for other messages, for prints that the exchange flags as no market
    /// trades, and for sizes or prices that are not positive.
    pub fn read(block: &EventBlock, message: &Message) -> Option<MarketTrade> {
        if message.kind != MessageKind::Trade || message.has(FLAG_NO_MARKET_TRADE) {
            return None;
        }
        let level = block.bids(message).first()?;
        (level.price > 0 && level.size > 0).then_some(MarketTrade {
            local_ns: message.local_ns,
            price: level.price,
            size: level.size,
            aggressor: if message.has(FLAG_BUYER_IS_MAKER) {
                Side::Sell
            } else {
                Side::Buy
            },
        })
    }

    /// Size with the aggressor's sign, in size quanta.
    pub fn signed_size(&self) -> i64 {
        self.aggressor.sign() * self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Level, MessageFields};

    fn read(kind: MessageKind, flags: u8, level: Option<(i64, i64)>) -> Option<MarketTrade> {
        let mut block = EventBlock::default();
        block.levels.extend(level.iter().map(|(price, size)| Level {
            price: *price,
            size: *size,
        }));
        block.push(MessageFields {
            local_ns: 7,
            exchange_ns: 3,
            first_id: 1,
            last_id: 1,
            previous_id: 0,
            levels_start: 0,
            bids: block.levels.len() as u32,
            asks: 0,
            kind,
            flags,
        });
        MarketTrade::read(&block, &block.messages[0])
    }

    #[test]
    fn the_buyer_as_maker_means_a_selling_aggressor() {
        let bought = read(MessageKind::Trade, 0, Some((100, 5)));
        let expected = MarketTrade {
            local_ns: 7,
            price: 100,
            size: 5,
            aggressor: Side::Buy,
        };
        assert_eq!(bought, Some(expected));
        assert_eq!(bought.map(|trade| trade.signed_size()), Some(5));
        let sold = read(MessageKind::Trade, FLAG_BUYER_IS_MAKER, Some((100, 5)));
        assert_eq!(sold.map(|trade| trade.signed_size()), Some(-5));
    }

    #[test]
    fn what_is_no_market_trade_stays_out() {
        assert_eq!(
            read(MessageKind::Trade, FLAG_NO_MARKET_TRADE, Some((100, 5))),
            None
        );
        assert_eq!(read(MessageKind::Ticker, 0, Some((100, 5))), None);
        assert_eq!(read(MessageKind::Trade, 0, None), None);
        assert_eq!(read(MessageKind::Trade, 0, Some((0, 5))), None);
        assert_eq!(read(MessageKind::Trade, 0, Some((100, 0))), None);
    }
}
