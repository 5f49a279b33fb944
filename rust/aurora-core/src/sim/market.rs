//! A small market of one symbol: a touch on a random walk, three levels a side, trades at the touch.

use super::random::Random;
use super::scenario::Scenario;
use crate::event::{EventBlock, Level, Message, MessageFields, MessageKind, FLAG_BUYER_IS_MAKER};
use crate::instrument::{Instrument, InstrumentId, Market as Place};
use crate::units::Money;
use crate::venue::{Bracket, OrderType, SymbolRules, TimeInForce};

/// Lots of 0.010 at 1 000.0 dollars, in ticks of 0.1.
pub(super) const LOT: i64 = 10;
pub(super) const TICK: i64 = 1;
const START_PRICE: i64 = 10_000;
const DEPTH: usize = 3;

pub(super) fn instrument(index: usize) -> Instrument {
    Instrument {
        id: InstrumentId {
            market: Place::BinanceUsdm,
            symbol: format!("SIM{index}"),
        },
        price_exponent: 1,
        size_exponent: 3,
        tick: TICK,
        lot: LOT,
        min_notional: Money(5 * 100_000_000),
    }
}

/// Filters in the manner of the exchange.
pub(super) fn rules(instrument: &Instrument) -> SymbolRules {
    SymbolRules {
        min_price: 10,
        max_price: 10_000_000,
        min_size: LOT,
        max_size: 1_000_000,
        market_min_size: LOT,
        market_max_size: 500_000,
        max_orders: 200,
        max_conditional_orders: 10,
        min_notional: instrument.min_notional,
        multiplier_down_e8: 85_000_000,
        multiplier_up_e8: 115_000_000,
        trigger_protect_e8: 5_000_000,
        market_take_bound_e8: 5_000_000,
        liquidation_fee_e8: 1_200_000,
        order_types: OrderType::ALL.to_vec(),
        time_in_force: TimeInForce::ALL.to_vec(),
        brackets: vec![Bracket {
            notional_cap: Money(1_000_000 * 100_000_000),
            leverage: 20,
            maintenance_rate_e8: 400_000,
            maintenance_amount: Money::ZERO,
        }],
        ..SymbolRules::open(instrument)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Market {
    random: Random,
    volatility: i64,
    /// Levels shown, best first.
    bids: [Level; DEPTH],
    asks: [Level; DEPTH],
    last_id: u64,
    /// Traded since it was last asked.
    traded: i64,
    block: EventBlock,
}

impl Market {
    pub fn new(scenario: &Scenario, symbol: usize) -> Market {
        let none = Level { price: 0, size: 0 };
        Market {
            random: Random::new(scenario.seed, 100 + symbol as u64),
            volatility: scenario.volatility,
            bids: [none; DEPTH],
            asks: [none; DEPTH],
            last_id: 0,
            traded: 0,
            block: EventBlock::default(),
        }
    }

    /// Size traded since the last call.
    pub fn take_traded(&mut self) -> i64 {
        std::mem::take(&mut self.traded)
    }

    /// Best bid and ask.
    pub fn touch(&self) -> (i64, i64) {
        (self.bids[0].price, self.asks[0].price)
    }

    fn levels(&mut self, best: i64, step: i64) -> [Level; DEPTH] {
        let mut number = 0;
        [(); DEPTH].map(|()| {
            number += 1;
            Level {
                price: best + step * (number - 1) * TICK,
                size: LOT * self.random.between(1, 30),
            }
        })
    }

    /// The next moment of the market: new depth, and perhaps a trade before it.
    pub fn step(&mut self, now_ns: i64, mut show: impl FnMut(&EventBlock, &Message)) {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        let first = self.last_id == 0;
        let (bid, ask) = self.touch();
        if !first && self.random.chance_e4(7_000) {
            self.trade(now_ns, &mut block);
        }
        let drawn = self.random.between(0, 99);
        let largest = if drawn < 5 {
            4 * self.volatility
        } else {
            self.volatility
        };
        let moved = self.random.between(-largest, largest);
        let spread = 1 + self.random.between(0, 12) / 8;
        let best = if first {
            START_PRICE
        } else {
            (bid + moved).clamp(9_000, 11_000)
        };
        let _ = ask;
        let old = (self.bids, self.asks);
        self.bids = self.levels(best, -1);
        self.asks = self.levels(best + spread * TICK, 1);
        let start = block.levels.len() as u32;
        let mut counts = [0u32; 2];
        for (side, (gone, shown)) in [(old.0, self.bids), (old.1, self.asks)].iter().enumerate() {
            let removed = gone
                .iter()
                .filter(|level| !first && !shown.iter().any(|kept| kept.price == level.price));
            let removed = removed.map(|level| Level { size: 0, ..*level });
            for level in removed.chain(shown.iter().copied()) {
                block.levels.push(level);
                counts[side] += 1;
            }
        }
        let previous_id = self.last_id;
        self.last_id += 10;
        block.push(MessageFields {
            local_ns: now_ns,
            exchange_ns: now_ns,
            first_id: if first { 0 } else { previous_id + 1 },
            last_id: self.last_id,
            previous_id: if first { 0 } else { previous_id },
            levels_start: start,
            bids: counts[0],
            asks: counts[1],
            kind: if first {
                MessageKind::Snapshot
            } else {
                MessageKind::Diff
            },
            flags: 0,
        });
        for message in &block.messages {
            show(&block, message);
        }
        self.block = block;
    }

    fn trade(&mut self, now_ns: i64, block: &mut EventBlock) {
        let sells = self.random.chance_e4(5_000);
        let hit = if sells { self.bids[0] } else { self.asks[0] };
        // Now and then a trade goes through the touch.
        let through = i64::from(self.random.chance_e4(1_000)) * TICK;
        let size = LOT * self.random.between(1, 40);
        self.traded += size;
        block.levels.push(Level {
            price: hit.price + if sells { -through } else { through },
            size,
        });
        block.push(MessageFields {
            local_ns: now_ns,
            exchange_ns: now_ns,
            first_id: 0,
            last_id: 1,
            previous_id: 0,
            levels_start: 0,
            bids: 1,
            asks: 0,
            kind: MessageKind::Trade,
            flags: if sells { FLAG_BUYER_IS_MAKER } else { 0 },
        });
    }
}
