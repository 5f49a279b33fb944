//! The market side of one instrument: book and kernels in one pass, sampled on a grid of local time, at every change of
//! the touch, or at every trade.
//!
//! A row of a change or a trade stands at its local time and knows it. A row at grid time g knows the events with local time < g. Rows are written for every grid time between the
//! first event and the end of the stream, through quiet spells of up to [`HOLE_NS`]; longer ones are holes. Neither the rows
//! nor anything else depends on how events were cut into blocks.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    imbalance, weighted_mid, Feature, KernelSet, KernelSettings, MarketTrade, OrderFlowImbalance,
    RealisedVolatility, TradeFlowImbalance, Undefined,
};
use crate::book::{Applied, Book, Ladder, Quote};
use crate::event::{EventBlock, Message, MessageKind};
use crate::instrument::{Instrument, Side};
use crate::quality::{Quality, QualityMonitor};

/// Silence after which no rows are written until the next event (one hour).
pub const HOLE_NS: i64 = 3_600_000_000_000;

/// When rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sampling {
    /// At grid times, multiples of `sample_ns`.
    #[default]
    Grid,
    /// After every event that changes the touch, sizes included.
    Touch,
    /// After every trade print.
    Trade,
}

/// What the kernels are set to; times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSettings {
    pub sampling: Sampling,
    /// Distance of grid times.
    pub sample_ns: i64,
    /// Levels a side in the deep imbalance.
    pub depth_levels: usize,
    pub trade_flow_half_life_ns: i64,
    pub volatility_half_life_ns: i64,
    /// Mid changes before volatility is defined.
    pub volatility_minimum_changes: u32,
    /// Features of the catalogue beside the fixed columns.
    pub extra: Vec<Feature>,
    pub kernels: KernelSettings,
}

impl Default for FeatureSettings {
    fn default() -> Self {
        FeatureSettings {
            sampling: Sampling::Grid,
            sample_ns: 50_000_000,
            depth_levels: 5,
            trade_flow_half_life_ns: 1_000_000_000,
            volatility_half_life_ns: 60_000_000_000,
            volatility_minimum_changes: 10,
            extra: Vec::new(),
            kernels: KernelSettings::default(),
        }
    }
}

/// A setting out of range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("feature setting {name} is {value}; it must be positive")]
pub struct SettingsError {
    pub name: &'static str,
    pub value: i64,
}

impl FeatureSettings {
    pub fn validate(&self) -> Result<(), SettingsError> {
        for (name, value) in [
            ("sample_ns", self.sample_ns),
            ("depth_levels", self.depth_levels as i64),
            ("trade_flow_half_life_ns", self.trade_flow_half_life_ns),
            ("volatility_half_life_ns", self.volatility_half_life_ns),
        ]
        .into_iter()
        .chain(self.kernels.positives())
        {
            if value <= 0 {
                return Err(SettingsError { name, value });
            }
        }
        Ok(())
    }
}

/// How the capture is read that a [`MarketState`] is fed from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureOptions {
    /// What was taken off the receive times, so that quality can tell them as captured.
    pub clock_offset_ns: i64,
    /// Read the book without waiting for a snapshot.
    pub unsynchronised: bool,
}

/// A change of the best prices as seen at local time; zeros where there is no usable touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteRow {
    pub local_ns: i64,
    pub bid: i64,
    pub ask: i64,
}

/// Sampled rows as columns. Integer columns are quanta (zero where `book_state` is not 0); float columns hold NaN
/// where undefined and leave for users as null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureColumns {
    pub local_ns: Vec<i64>,
    pub bid: Vec<i64>,
    pub ask: Vec<i64>,
    pub bid_size: Vec<i64>,
    pub ask_size: Vec<i64>,
    /// See [`crate::book::BookState::code`].
    pub book_state: Vec<u8>,
    pub mid: Vec<f64>,
    pub spread_bps: Vec<f64>,
    pub obi_1: Vec<f64>,
    pub obi_k: Vec<f64>,
    pub weighted_mid: Vec<f64>,
    /// Size units (base currency) since the previous row.
    pub ofi: Vec<f64>,
    pub tfi: Vec<f64>,
    /// Basis points per square-root second.
    pub realised_volatility: Vec<f64>,
    /// Running hash of all events and rows of the instrument up to this row.
    pub feature_hash: Vec<u64>,
    /// Features of the catalogue, in the order of the settings, and their columns.
    pub extra: Vec<Feature>,
    pub extra_columns: Vec<Vec<f64>>,
    pub quotes: Vec<QuoteRow>,
    /// Level updates applied to the book, tickers and trades in this block.
    pub events: u64,
}

/// Not cryptographic: it tells inputs apart, the journal's SHA-256 chain protects the records.
fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MarketState {
    instrument: Instrument,
    settings: FeatureSettings,
    book: Book,
    order_flow: OrderFlowImbalance,
    trade_flow: TradeFlowImbalance,
    volatility: RealisedVolatility,
    kernels: Option<KernelSet>,
    touch: Option<Quote>,
    input_hash: u64,
    next_grid_ns: Option<i64>,
    last_event_ns: i64,
    messages: u64,
    tickers_and_trades: u64,
    quality: QualityMonitor,
}

impl MarketState {
    /// # Errors
    /// [`SettingsError`] for a setting that is not positive.
    pub fn new(instrument: Instrument, settings: FeatureSettings) -> Result<Self, SettingsError> {
        MarketState::with_options(instrument, settings, CaptureOptions::default())
    }

    /// As [`MarketState::new`], for a capture that is read as `options` say.
    ///
    /// # Errors
    /// [`SettingsError`] for a setting that is not positive.
    pub fn with_options(
        instrument: Instrument,
        settings: FeatureSettings,
        options: CaptureOptions,
    ) -> Result<Self, SettingsError> {
        settings.validate()?;
        Ok(MarketState {
            book: if options.unsynchronised {
                Book::unsynchronised(instrument.id.market, instrument.tick)
            } else {
                Book::new(instrument.id.market, instrument.tick)
            }
            .with_decimals(instrument.price_exponent, instrument.size_exponent),
            quality: QualityMonitor::new(&instrument, options.clock_offset_ns),
            order_flow: OrderFlowImbalance::default(),
            trade_flow: TradeFlowImbalance::new(settings.trade_flow_half_life_ns),
            volatility: RealisedVolatility::new(
                settings.volatility_half_life_ns,
                settings.volatility_minimum_changes,
            ),
            kernels: if settings.extra.is_empty() {
                None
            } else {
                Some(
                    KernelSet::new(
                        &instrument,
                        &settings.extra,
                        &settings.kernels,
                        settings.depth_levels,
                    )
                    .map_err(|cause| SettingsError {
                        name: cause.rule,
                        value: i64::try_from(cause.value).unwrap_or(i64::MAX),
                    })?,
                )
            },
            instrument,
            settings,
            touch: None,
            input_hash: 0,
            next_grid_ns: None,
            last_event_ns: i64::MIN,
            messages: 0,
            tickers_and_trades: 0,
        })
    }

    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub fn book(&self) -> &Book {
        &self.book
    }

    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// What is wrong with the data so far.
    pub fn quality(&self) -> Quality {
        self.quality.quality(&self.book)
    }

    /// Level updates applied to the book, tickers and trades so far.
    pub fn events(&self) -> u64 {
        self.book.counters().level_updates + self.tickers_and_trades
    }

    /// Takes a block whose events all lie before `end_ns`, the end of its slice or, in the stream's `last` block, of
    /// the stream. Rows are written up to the end of a slice and before the end of a stream.
    pub fn process(&mut self, block: &EventBlock, end_ns: i64, last: bool) -> FeatureColumns {
        let mut columns = FeatureColumns {
            extra: self.settings.extra.clone(),
            extra_columns: vec![Vec::new(); self.settings.extra.len()],
            ..FeatureColumns::default()
        };
        let events_before = self.events();
        for message in &block.messages {
            self.tickers_and_trades += u64::from(matches!(
                message.kind,
                MessageKind::Ticker | MessageKind::Trade
            ));
            self.sample_until(message.local_ns, &mut columns);
            if self.next_grid_ns.is_none() && self.settings.sampling == Sampling::Grid {
                let step = self.settings.sample_ns;
                self.next_grid_ns = Some((message.local_ns.div_euclid(step) + 1) * step);
            }
            if let (i64::MIN, Some(kernels)) = (self.last_event_ns, &mut self.kernels) {
                kernels.start(message.local_ns);
            }
            self.last_event_ns = message.local_ns;
            self.take(block, message, &mut columns);
            self.quality.observe(block, message, &self.book);
        }
        self.sample_until(if last { end_ns - 1 } else { end_ns }, &mut columns);
        self.messages += block.messages.len() as u64;
        columns.events = self.events() - events_before;
        columns
    }

    fn take(&mut self, block: &EventBlock, message: &Message, columns: &mut FeatureColumns) {
        let mut hash = mix(self.input_hash, message.local_ns as u64);
        hash = mix(hash, message.exchange_ns as u64);
        hash = mix(hash, message.last_id());
        hash = mix(
            hash,
            (message.kind as u64) | u64::from(message.flags) << 8 | u64::from(message.bids) << 16,
        );
        for level in block.bids(message).iter().chain(block.asks(message)) {
            hash = mix(hash, level.price as u64);
            hash = mix(hash, level.size as u64);
        }
        self.input_hash = hash;
        if message.kind == MessageKind::Trade {
            if let Some(trade) = MarketTrade::read(block, message) {
                self.trade_flow.update(
                    trade.local_ns,
                    self.instrument.size_to_f64(trade.size),
                    trade.aggressor == Side::Sell,
                );
                if let Some(kernels) = &mut self.kernels {
                    kernels.trade(trade);
                }
            }
            if self.settings.sampling == Sampling::Trade {
                self.sample(message.local_ns, columns);
            }
            return;
        }
        let applied = match &mut self.kernels {
            Some(kernels) => {
                let mut observer = kernels.observer(message.local_ns);
                self.book.apply_observed(block, message, &mut observer)
            }
            None => self.book.apply(block, message),
        };
        if applied == Applied::None {
            return;
        }
        let touch = self
            .book
            .touch()
            .filter(|quote| quote.bid.price < quote.ask.price);
        let changed = touch != self.touch;
        if let Some(kernels) = &mut self.kernels {
            kernels.book(message.local_ns, self.book.ladder(), touch, changed);
        }
        if !changed {
            return;
        }
        match touch {
            Some(quote) => {
                self.order_flow.update(quote);
                self.volatility.update(message.local_ns, self.mid(quote));
            }
            None => {
                self.order_flow.interrupt();
                self.volatility.interrupt();
            }
        }
        let prices = |q: Option<Quote>| q.map_or((0, 0), |q| (q.bid.price, q.ask.price));
        if prices(touch) != prices(self.touch) {
            let (bid, ask) = prices(touch);
            columns.quotes.push(QuoteRow {
                local_ns: message.local_ns,
                bid,
                ask,
            });
        }
        self.touch = touch;
        if self.settings.sampling == Sampling::Touch {
            self.sample(message.local_ns, columns);
        }
    }

    fn mid(&self, quote: Quote) -> f64 {
        (self.instrument.price_to_f64(quote.bid.price)
            + self.instrument.price_to_f64(quote.ask.price))
            / 2.0
    }

    fn sample_until(&mut self, until_ns: i64, columns: &mut FeatureColumns) {
        let Some(mut grid) = self.next_grid_ns else {
            return;
        };
        let step = self.settings.sample_ns;
        let limit = until_ns.min(self.last_event_ns.saturating_add(HOLE_NS));
        while grid <= limit {
            self.sample(grid, columns);
            grid += step;
        }
        // Behind a hole the grid begins again behind the event that ends it: a row at that event's own time would be
        // written only after it. Block ends move nothing.
        if until_ns > limit && grid <= until_ns {
            grid = (until_ns.div_euclid(step) + 1) * step;
        }
        self.next_grid_ns = Some(grid);
    }

    fn sample(&mut self, grid_ns: i64, columns: &mut FeatureColumns) {
        let state = self.book.state();
        columns.local_ns.push(grid_ns);
        columns.book_state.push(state.code());
        let no_touch = Undefined::NoTouch.to_nan();
        let warming_up = Undefined::WarmingUp.to_nan();
        let ofi = self.order_flow.take();
        let row = match self.touch {
            Some(quote) => {
                let bid = self.instrument.price_to_f64(quote.bid.price);
                let ask = self.instrument.price_to_f64(quote.ask.price);
                let mid = self.mid(quote);
                let ladder = self.book.ladder();
                let depth = self.settings.depth_levels;
                let (deep_bid, deep_ask) = (
                    ladder.depth(Side::Buy, depth),
                    ladder.depth(Side::Sell, depth),
                );
                columns.bid.push(quote.bid.price);
                columns.ask.push(quote.ask.price);
                columns.bid_size.push(quote.bid.size);
                columns.ask_size.push(quote.ask.size);
                [
                    mid,
                    (ask - bid) / mid * 1e4,
                    imbalance(quote.bid.size, quote.ask.size).unwrap_or(no_touch),
                    imbalance(deep_bid, deep_ask).unwrap_or(no_touch),
                    weighted_mid(bid, quote.bid.size, ask, quote.ask.size).unwrap_or(no_touch),
                    ofi.map_or(warming_up, |sum| self.instrument.size_to_f64(sum)),
                    self.trade_flow
                        .value(grid_ns)
                        .unwrap_or(Undefined::NoTrades.to_nan()),
                    self.volatility.value(grid_ns).unwrap_or(warming_up),
                ]
            }
            None => {
                columns.bid.push(0);
                columns.ask.push(0);
                columns.bid_size.push(0);
                columns.ask_size.push(0);
                [no_touch; 8]
            }
        };
        let mut hash = mix(self.input_hash, grid_ns as u64);
        for (column, value) in [
            &mut columns.mid,
            &mut columns.spread_bps,
            &mut columns.obi_1,
            &mut columns.obi_k,
            &mut columns.weighted_mid,
            &mut columns.ofi,
            &mut columns.tfi,
            &mut columns.realised_volatility,
        ]
        .into_iter()
        .zip(row)
        {
            column.push(value);
            let bits = if value.is_nan() {
                u64::MAX
            } else {
                value.to_bits()
            };
            hash = mix(hash, bits);
        }
        if let Some(kernels) = &mut self.kernels {
            kernels.row(
                grid_ns,
                self.book.ladder(),
                self.touch,
                &mut columns.extra_columns,
            );
            for column in &columns.extra_columns {
                let value = column.last().copied().unwrap_or(f64::NAN);
                let bits = if value.is_nan() {
                    u64::MAX
                } else {
                    value.to_bits()
                };
                hash = mix(hash, bits);
            }
        }
        columns.feature_hash.push(hash);
    }
}

#[cfg(test)]
#[path = "market_tests.rs"]
mod tests;
