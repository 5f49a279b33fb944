//! Payloads that are mostly sound, each part of them sometimes not.

use aurora_core::execution::Payload;
use aurora_core::instrument::Side;
use aurora_core::venue::{OrderType, PositionSide, TimeInForce, WorkingType};

use super::{Draw, Scene, NOW, SECOND};

impl Scene {
    /// A payload that is mostly sound, each part of it sometimes not.
    pub fn payload(&self, draw: &mut Draw) -> Payload {
        let rules = &self.rules;
        let (side, kind) = (draw.side(), draw.of(&OrderType::ALL));
        let kind = if draw.percent(40) {
            OrderType::Limit
        } else {
            kind
        };
        let held = if draw.percent(35) {
            side.opposite()
        } else {
            side
        };
        let price = self.price(draw, side);
        let trails = kind == OrderType::TrailingStopMarket;
        let waits = kind.is_conditional() && !trails;
        let position_side = if draw.percent(3) {
            draw.of(&PositionSide::ALL)
        } else {
            self.position_side(held)
        };
        let close_position = draw.percent(if waits && !kind.has_price() { 25 } else { 1 });
        let reduce_only = if self.hedge { 4 } else { 25 };
        let mut payload = Payload {
            position_side,
            size: (!close_position || draw.percent(10)).then(|| self.size(draw, price)),
            price: kind.has_price().then_some(price),
            time_in_force: kind.has_price().then(|| draw.of(&TimeInForce::ALL)),
            trigger: waits.then(|| self.trigger(draw, kind, side)),
            working_type: draw.of(&[WorkingType::ContractPrice, WorkingType::MarkPrice]),
            callback_bps: trails.then(|| draw.of(&[9, 10, 100, 1_000, 1_001])),
            activation: (trails && draw.percent(50))
                .then(|| self.trigger(draw, OrderType::TakeProfitMarket, side)),
            reduce_only: draw.percent(reduce_only),
            close_position,
            ..self.plain(side, kind, rules.step)
        };
        if payload.time_in_force == Some(TimeInForce::Gtd) {
            let ahead = draw.of(&[590, 600, 601, 602, 3_600]) * SECOND;
            payload.good_till_ns = Some(NOW + ahead + draw.within(0, 1) * 1_234);
        }
        match draw.within(0, 99) {
            0 => payload.time_in_force = None,
            1 => payload.time_in_force = Some(draw.of(&TimeInForce::ALL)),
            2 => payload.price = None,
            3 => payload.price = Some(price),
            4 => payload.trigger = None,
            5 => payload.trigger = Some(price),
            6 => payload.callback_bps = Some(100),
            7 => payload.activation = Some(price),
            8 => payload.good_till_ns = Some(NOW + 7_200 * SECOND),
            9 => payload.size = None,
            _ => {}
        }
        payload
    }

    pub fn price(&self, draw: &mut Draw, side: Side) -> i64 {
        let (rules, mid) = (&self.rules, self.mid);
        let near = mid + draw.within(-8, 8) * rules.tick;
        match draw.within(0, 19) {
            0 => near + draw.within(1, rules.tick.max(2) - 1),
            1 => mid / 100 * draw.within(70, 130) / rules.tick * rules.tick,
            2 => rules.min_price + draw.within(-2, 2) * rules.tick,
            3 => rules.max_price + draw.within(-2, 2) * rules.tick,
            4 => draw.within(-1, 1),
            5 => draw.within(1, rules.max_price),
            6 => mid + side.sign() * draw.within(0, 40) * rules.tick + draw.within(-5, 5),
            _ => near,
        }
    }

    pub fn trigger(&self, draw: &mut Draw, kind: OrderType, side: Side) -> i64 {
        // A stop that buys waits above, a take-profit that buys below.
        let above = (side == Side::Buy) != kind.is_take_profit();
        let sound = self.mid + if above { 1 } else { -1 } * draw.within(8, 60) * self.rules.tick;
        if draw.percent(70) {
            sound.max(self.rules.min_price)
        } else {
            self.price(draw, side)
        }
    }

    pub fn size(&self, draw: &mut Draw, price: i64) -> i64 {
        let rules = &self.rules;
        let unit = self.instrument.notional(price.max(1), rules.step).0.max(1);
        let enough = i64::try_from((rules.min_notional.0 / unit + 1).min(1_000_000_000)).unwrap();
        let sound = rules.min_size.max(rules.market_min_size)
            + rules.market_step * enough.saturating_mul(draw.within(1, 4));
        match draw.within(0, 19) {
            0 => draw.within(-1, 1),
            1 => sound + draw.within(1, rules.step.max(2) - 1),
            2 => rules.max_size + draw.within(-2, 2) * rules.step,
            3 => rules.market_max_size + draw.within(-2, 2) * rules.market_step,
            4 => rules.min_size,
            5 => rules.step * enough + draw.within(-2, 2) * rules.step,
            6 => rules.min_size - 1,
            7 => sound
                .saturating_mul(draw.of(&[20, 500, 10_000]))
                .min(rules.max_size * 2),
            _ => sound,
        }
    }
}
