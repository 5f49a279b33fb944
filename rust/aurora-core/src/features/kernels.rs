//! The kernels that a chosen list of features needs, driven together: book changes, level changes, trades, rows.
//!
//! Only what was asked for is built, and what nobody reads costs nothing.

use serde::{Deserialize, Serialize};

use super::catalogue::{Feature, Group};
use super::kernel_settings::{KernelSettings, FLOW_LEVELS};
use super::{
    cell, distance_weighted_imbalance, integrated_order_flow, quoted_spread, quoted_spread_ticks,
    AverageTrueRange, BandDepths, Bar, BarBuilder, BarRule, BarRuleError, CancelRate, DepthBands,
    EwmaForm, EwmaMid, KyleLambda, LevelChange, MarketTrade, MultiLevelFlow, MultiLevelReading,
    QueueIntensities, RollSpread, TopLevels, TradeAttribution, TradeFlowWindow, TradeRates,
    TradeSpreads, TradeToBookRatio, TwoScaleVolatility, Undefined, Vpin, WindowVolatility,
    WindowVolatilitySettings,
};
use crate::book::{Ladder, LevelObserver, Quote};
use crate::event::Level;
use crate::instrument::{Instrument, Side};

/// Trades whose mean size sets the VPIN bucket when no bucket is given, and how many times that mean it is.
const BUCKET_TRADES: i64 = 100;
const BUCKET_MEANS: i64 = 50;
/// One-minute bars and Wilder's fourteen of them.
const BAR_NS: i64 = 60_000_000_000;
const RANGE_BARS: u32 = 14;

/// VPIN whose bucket may still have to be found from the first trades.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum VpinState {
    /// Trades and their size so far.
    Finding {
        trades: i64,
        size: i64,
    },
    Running(Vpin),
}

/// Kernels fed by level changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ChangeKernels {
    attribution: TradeAttribution,
    cancels: CancelRate,
    ratio: TradeToBookRatio,
    queues: QueueIntensities,
    /// The best levels before the message that is being applied.
    top: Option<TopLevels>,
    levels: usize,
}

impl ChangeKernels {
    fn best(&self, side: Side) -> Option<i64> {
        let level = self.top.as_ref()?.side(side).first()?;
        Some(level.price)
    }
}

/// Bars of trades and their average true range.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RangeBars {
    builder: BarBuilder,
    range: AverageTrueRange,
    /// Room for bars that one step closes.
    closed: Vec<Bar>,
}

impl RangeBars {
    fn take_closed(&mut self) {
        for bar in self.closed.drain(..) {
            // A bar that began before observation did shows less than its range.
            if bar.complete {
                self.range.update(&bar);
            }
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KernelSet {
    features: Vec<Feature>,
    instrument: Instrument,
    settings: KernelSettings,
    depth_levels: usize,
    bands: Option<DepthBands>,
    flow: Option<MultiLevelFlow>,
    changes: Option<ChangeKernels>,
    trade_flow: Option<TradeFlowWindow>,
    vpin: Option<VpinState>,
    kyle: Option<KyleLambda>,
    roll: Option<RollSpread>,
    spreads: Option<TradeSpreads>,
    rates: Option<TradeRates>,
    windows: Option<WindowVolatility>,
    two_scale: Option<TwoScaleVolatility>,
    mid: Option<EwmaMid>,
    bars: Option<RangeBars>,
}

/// Tells the change kernels of one message's levels.
pub struct ChangeObserver<'a> {
    kernels: Option<&'a mut ChangeKernels>,
    now_ns: i64,
}

impl LevelObserver for ChangeObserver<'_> {
    #[inline]
    fn level(&mut self, side: Side, level: Level, before: i64) {
        let Some(kernels) = &mut self.kernels else {
            return;
        };
        kernels.ratio.update(self.now_ns, before, level.size);
        let Some(top) = &kernels.top else {
            return;
        };
        if before == level.size || !top.reaches(side, level.price) {
            return;
        }
        let flow = kernels.attribution.split(
            self.now_ns,
            LevelChange {
                side,
                price: level.price,
                before,
                after: level.size,
            },
        );
        let best = kernels.best(side);
        kernels.cancels.update(self.now_ns, &flow);
        kernels.queues.update(self.now_ns, &flow, best);
    }
}

impl KernelSet {
    pub fn new(
        instrument: &Instrument,
        features: &[Feature],
        settings: &KernelSettings,
        depth_levels: usize,
    ) -> Result<KernelSet, BarRuleError> {
        let any = |wanted: &[Feature]| features.iter().any(|f| wanted.contains(f));
        let group = |group: Group| features.iter().any(|f| f.info().group == group);
        let s = settings;
        Ok(KernelSet {
            features: features.to_vec(),
            instrument: instrument.clone(),
            settings: s.clone(),
            depth_levels,
            bands: any(&[
                Feature::DepthBid5,
                Feature::DepthAsk5,
                Feature::BookPressure5,
                Feature::DepthBid10,
                Feature::DepthAsk10,
                Feature::BookPressure10,
                Feature::DepthBid25,
                Feature::DepthAsk25,
                Feature::BookPressure25,
            ])
            .then(DepthBands::default),
            flow: group(Group::LevelFlow).then(|| MultiLevelFlow::new(FLOW_LEVELS)),
            changes: group(Group::LevelChanges).then(|| ChangeKernels {
                attribution: TradeAttribution::new(s.attribution_ns),
                cancels: CancelRate::new(s.rate_half_life_ns),
                ratio: TradeToBookRatio::new(s.rate_half_life_ns),
                queues: QueueIntensities::new(s.rate_half_life_ns),
                top: None,
                levels: depth_levels.min(super::MAX_LEVELS),
            }),
            trade_flow: any(&[Feature::TfiWindow]).then(|| TradeFlowWindow::new(s.trade_window_ns)),
            vpin: any(&[Feature::Vpin]).then(|| match s.vpin_bucket {
                Some(bucket) => VpinState::Running(Vpin::new(bucket, s.vpin_buckets)),
                None => VpinState::Finding { trades: 0, size: 0 },
            }),
            kyle: any(&[Feature::KyleLambda]).then(|| {
                KyleLambda::new(
                    s.kyle_interval_ns,
                    s.kyle_intervals,
                    s.kyle_minimum_intervals,
                )
            }),
            roll: any(&[Feature::RollSpread]).then(|| RollSpread::new(s.roll_trades)),
            spreads: any(&[
                Feature::EffectiveSpread,
                Feature::RealisedSpread,
                Feature::PriceImpact,
            ])
            .then(|| TradeSpreads::new(s.spread_horizon_ns, s.spread_half_life_ns)),
            rates: any(&[
                Feature::TradeRate,
                Feature::TradeVolumeRate,
                Feature::TradeCountImbalance,
            ])
            .then(|| TradeRates::new(s.rate_half_life_ns)),
            windows: any(&[
                Feature::RealisedVolatilityWindow,
                Feature::BipowerVolatility,
            ])
            .then(|| {
                WindowVolatility::new(WindowVolatilitySettings {
                    step_ns: s.volatility_step_ns,
                    samples: s.volatility_samples,
                    minimum_samples: s.volatility_minimum_samples,
                })
            }),
            two_scale: any(&[Feature::TwoScaleVolatility]).then(|| {
                TwoScaleVolatility::new(
                    s.two_scale_changes,
                    s.two_scale_subgrids,
                    s.two_scale_minimum_changes,
                )
            }),
            mid: any(&[Feature::EwmaMid])
                .then(|| EwmaMid::new(s.mid_half_life_ns, EwmaForm::Recursion)),
            bars: if group(Group::Bars) {
                Some(RangeBars {
                    builder: BarBuilder::new(
                        BarRule::Time(BAR_NS),
                        instrument.price_exponent,
                        instrument.size_exponent,
                    )?,
                    range: AverageTrueRange::new(RANGE_BARS),
                    closed: Vec::new(),
                })
            } else {
                None
            },
        })
    }

    /// The market is observed from `local_ns` on.
    pub fn start(&mut self, local_ns: i64) {
        if let Some(rates) = &mut self.rates {
            rates.start(local_ns);
        }
        if let Some(bars) = &mut self.bars {
            bars.builder.start(local_ns);
        }
    }

    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// What sees the levels of the next message change.
    pub fn observer(&mut self, now_ns: i64) -> ChangeObserver<'_> {
        ChangeObserver {
            kernels: self.changes.as_mut(),
            now_ns,
        }
    }

    /// The book changed; `touch` is None when it cannot be used, `changed` tells whether it is another than before.
    pub fn book(&mut self, now_ns: i64, ladder: &impl Ladder, touch: Option<Quote>, changed: bool) {
        let mut top = None;
        if let Some(changes) = &mut self.changes {
            match touch {
                Some(touch) => {
                    changes.cancels.start(now_ns);
                    changes.ratio.start(now_ns);
                    changes.queues.start(now_ns);
                    changes.top = Some(TopLevels::behind(ladder, changes.levels, touch));
                    if changes.levels == FLOW_LEVELS {
                        top = changes.top;
                    }
                }
                None => {
                    changes.attribution.interrupt();
                    changes.cancels.interrupt();
                    changes.ratio.interrupt();
                    changes.queues.interrupt();
                    changes.top = None;
                }
            }
        }
        if let Some(flow) = &mut self.flow {
            match touch {
                Some(touch) => flow
                    .update(&top.unwrap_or_else(|| TopLevels::behind(ladder, FLOW_LEVELS, touch))),
                None => flow.interrupt(),
            }
        }
        if !changed {
            return;
        }
        match touch {
            Some(quote) => {
                let mid = self.mid_of(quote);
                if let Some(kyle) = &mut self.kyle {
                    kyle.touch(now_ns, quote);
                }
                if let Some(spreads) = &mut self.spreads {
                    spreads.touch(now_ns, quote);
                }
                if let Some(windows) = &mut self.windows {
                    windows.update(now_ns, mid);
                }
                if let Some(two_scale) = &mut self.two_scale {
                    two_scale.update(now_ns, mid);
                }
                if let Some(average) = &mut self.mid {
                    average.update(now_ns, mid);
                }
            }
            None => {
                if let Some(kyle) = &mut self.kyle {
                    kyle.interrupt(now_ns);
                }
                if let Some(spreads) = &mut self.spreads {
                    spreads.interrupt(now_ns);
                }
                if let Some(windows) = &mut self.windows {
                    windows.interrupt(now_ns);
                }
            }
        }
    }

    fn mid_of(&self, quote: Quote) -> f64 {
        (self.instrument.price_to_f64(quote.bid.price)
            + self.instrument.price_to_f64(quote.ask.price))
            / 2.0
    }

    /// A market trade whose aggressor is known.
    pub fn trade(&mut self, trade: MarketTrade) {
        let now_ns = trade.local_ns;
        if let Some(changes) = &mut self.changes {
            let resting = trade.aggressor.opposite();
            let best = changes.best(resting);
            changes
                .attribution
                .trade(now_ns, resting, trade.price, trade.size);
            changes.ratio.trade(now_ns, trade.size);
            changes
                .queues
                .trade(now_ns, resting, trade.price, trade.size, best);
        }
        if let Some(flow) = &mut self.trade_flow {
            flow.update(trade);
        }
        match &mut self.vpin {
            Some(VpinState::Running(vpin)) => vpin.update(trade),
            Some(VpinState::Finding { trades, size }) => {
                *trades += 1;
                *size = size.saturating_add(trade.size);
                if *trades == BUCKET_TRADES {
                    let bucket = (size.saturating_mul(BUCKET_MEANS) / BUCKET_TRADES).max(1);
                    self.vpin = Some(VpinState::Running(Vpin::new(
                        bucket,
                        self.settings.vpin_buckets,
                    )));
                }
            }
            None => {}
        }
        if let Some(kyle) = &mut self.kyle {
            kyle.trade(trade);
        }
        if let Some(roll) = &mut self.roll {
            roll.update(trade.price);
        }
        if let Some(spreads) = &mut self.spreads {
            spreads.trade(trade);
        }
        if let Some(rates) = &mut self.rates {
            rates.trade(trade);
        }
        if let Some(bars) = &mut self.bars {
            bars.builder.update(trade, &mut bars.closed);
            bars.take_closed();
        }
    }

    /// Writes one row's cells, a column each.
    pub fn row(
        &mut self,
        now_ns: i64,
        ladder: &impl Ladder,
        touch: Option<Quote>,
        columns: &mut [Vec<f64>],
    ) {
        let depths = match (&self.bands, touch) {
            (Some(bands), Some(touch)) => bands.measure(ladder, touch),
            _ => Err(Undefined::NoTouch),
        };
        let flows = self.flow.as_mut().map(MultiLevelFlow::take);
        if let Some(windows) = &mut self.windows {
            windows.advance(now_ns);
        }
        if let Some(bars) = &mut self.bars {
            bars.builder.advance(now_ns, &mut bars.closed);
            bars.take_closed();
        }
        for at in 0..self.features.len() {
            let value = self.value(self.features[at], now_ns, ladder, touch, &depths, &flows);
            if let Some(column) = columns.get_mut(at) {
                column.push(cell(value));
            }
        }
    }

    fn value(
        &mut self,
        feature: Feature,
        now_ns: i64,
        ladder: &impl Ladder,
        touch: Option<Quote>,
        depths: &Result<BandDepths, Undefined>,
        flows: &Option<MultiLevelReading>,
    ) -> Result<f64, Undefined> {
        let instrument = &self.instrument;
        let size = |quanta: i64| instrument.size_to_f64(quanta);
        // Rates are in quanta a second: a quantum is 10^-exponent.
        let size_scale = instrument.size_to_f64(1);
        let price_scale = instrument.price_to_f64(1);
        let quote = touch.ok_or(Undefined::NoTouch);
        let depth_bid = |band: usize| depths.as_ref().map_err(|e| *e).map(|d| size(d.bid()[band]));
        let depth_ask = |band: usize| depths.as_ref().map_err(|e| *e).map(|d| size(d.ask()[band]));
        let pressure = |band: usize| {
            depths
                .as_ref()
                .map_err(|e| *e)
                .and_then(|d| d.pressure(band))
        };
        let flow = |level: usize| {
            let flows = flows.as_ref().ok_or(Undefined::WarmingUp)?;
            flows.flows()[level].map(size)
        };
        let changes = self.changes.as_ref().ok_or(Undefined::WarmingUp);
        match feature {
            Feature::ObiWeighted => {
                quote?;
                distance_weighted_imbalance(
                    ladder,
                    self.depth_levels,
                    instrument.tick,
                    self.settings.imbalance_decay,
                )
            }
            Feature::QuotedSpread => quoted_spread(instrument, quote?),
            Feature::SpreadTicks => quoted_spread_ticks(quote?, instrument.tick),
            Feature::DepthBid5 => depth_bid(0),
            Feature::DepthAsk5 => depth_ask(0),
            Feature::BookPressure5 => pressure(0),
            Feature::DepthBid10 => depth_bid(1),
            Feature::DepthAsk10 => depth_ask(1),
            Feature::BookPressure10 => pressure(1),
            Feature::DepthBid25 => depth_bid(2),
            Feature::DepthAsk25 => depth_ask(2),
            Feature::BookPressure25 => pressure(2),
            Feature::Microprice => match &self.settings.microprice {
                Some(table) => table.microprice(instrument, quote?),
                None => Err(Undefined::NotFitted),
            },
            Feature::MultiLevelOfi1 => flow(0),
            Feature::MultiLevelOfi2 => flow(1),
            Feature::MultiLevelOfi3 => flow(2),
            Feature::MultiLevelOfi4 => flow(3),
            Feature::MultiLevelOfi5 => flow(4),
            Feature::IntegratedOfi => {
                let flows = flows.as_ref().ok_or(Undefined::WarmingUp)?;
                integrated_order_flow(self.settings.integrated_weights.as_ref(), flows)
            }
            Feature::CancelRate => changes?.cancels.rate(now_ns).map(|r| r * size_scale),
            Feature::CancelShare => {
                let changes = changes?;
                let top = changes.top.as_ref().ok_or(Undefined::NoTouch)?;
                changes.cancels.share(now_ns, top.displayed())
            }
            Feature::TradeToBook => changes?.ratio.count_ratio(now_ns),
            Feature::TradeToBookVolume => changes?.ratio.volume_ratio(now_ns),
            Feature::QueueArrivalBid => {
                let rate = changes?.queues.arrival_rate(Side::Buy, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::QueueArrivalAsk => {
                let rate = changes?.queues.arrival_rate(Side::Sell, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::QueueCancelBid => {
                let rate = changes?.queues.cancel_rate(Side::Buy, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::QueueCancelAsk => {
                let rate = changes?.queues.cancel_rate(Side::Sell, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::QueueTakeBid => {
                let rate = changes?.queues.take_rate(Side::Buy, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::QueueTakeAsk => {
                let rate = changes?.queues.take_rate(Side::Sell, now_ns);
                rate.map(|r| r * size_scale)
            }
            Feature::TfiWindow => match &self.trade_flow {
                Some(flow) => flow.value(now_ns),
                None => Err(Undefined::NoTrades),
            },
            Feature::Vpin => match &self.vpin {
                Some(VpinState::Running(vpin)) => vpin.value(),
                _ => Err(Undefined::WarmingUp),
            },
            Feature::KyleLambda => match &mut self.kyle {
                Some(kyle) => kyle.value(now_ns).map(|v| v * price_scale / size_scale),
                None => Err(Undefined::WarmingUp),
            },
            Feature::RollSpread => match &self.roll {
                Some(roll) => roll.value().map(|v| v * price_scale),
                None => Err(Undefined::WarmingUp),
            },
            Feature::EffectiveSpread | Feature::RealisedSpread | Feature::PriceImpact => {
                let Some(spreads) = &mut self.spreads else {
                    return Err(Undefined::NoTrades);
                };
                match feature {
                    Feature::EffectiveSpread => spreads.effective_bps(now_ns),
                    Feature::RealisedSpread => spreads.realised_bps(now_ns),
                    _ => spreads.impact_bps(now_ns),
                }
            }
            Feature::TradeRate | Feature::TradeVolumeRate | Feature::TradeCountImbalance => {
                let Some(rates) = &self.rates else {
                    return Err(Undefined::NoTrades);
                };
                match feature {
                    Feature::TradeRate => rates.count_rate(now_ns),
                    Feature::TradeVolumeRate => rates.volume_rate(now_ns).map(|r| r * size_scale),
                    _ => rates.count_imbalance(now_ns),
                }
            }
            Feature::RealisedVolatilityWindow => match &self.windows {
                Some(windows) => windows.realised_volatility(),
                None => Err(Undefined::WarmingUp),
            },
            Feature::BipowerVolatility => match &self.windows {
                Some(windows) => windows.bipower_volatility(),
                None => Err(Undefined::WarmingUp),
            },
            Feature::TwoScaleVolatility => match &self.two_scale {
                Some(two_scale) => two_scale.value(now_ns),
                None => Err(Undefined::WarmingUp),
            },
            Feature::EwmaMid => match &self.mid {
                Some(mid) => mid.value(),
                None => Err(Undefined::WarmingUp),
            },
            Feature::AverageTrueRange => match &self.bars {
                Some(bars) => bars.range.value().map(|v| v * price_scale),
                None => Err(Undefined::WarmingUp),
            },
        }
    }
}
