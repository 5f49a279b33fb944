//! The account as the gate and the outside see it.

use super::gate::{Busy, Exposure};
use super::records::{AccountView, InstrumentView};
use super::step::Execution;
use crate::units::Money;

impl Execution {
    pub(super) fn exposure(&self, index: usize) -> Exposure {
        let notional = |index: usize| {
            let instrument = &self.instruments[index];
            let reserved = self.trades[index]
                .as_ref()
                .map_or(Money::ZERO, |trade| trade.reserved(instrument));
            self.account.exposure(index, instrument) + reserved
        };
        let mut gross = Money::ZERO;
        for other in 0..self.instruments.len() {
            gross += notional(other);
        }
        Exposure {
            busy: match (&self.trades[index], self.account.legs(index)) {
                (_, legs) if legs.iter().any(|leg| leg.size != 0) => Some(Busy::Position),
                (Some(_), _) => Some(Busy::Orders),
                (None, _) => None,
            },
            symbol_notional: notional(index),
            gross_notional: gross,
            equity: self.account.equity(&self.instruments),
            day_start_equity: self.day_start_equity,
        }
    }

    /// Position, reserve of working entries, and cash: the account's line of a log.
    pub fn exported(&self, instrument: usize) -> (i64, Money, Money) {
        let trade = self.trades[instrument].as_ref();
        let reserved = trade.map_or(Money::ZERO, |trade| {
            trade.reserved(&self.instruments[instrument])
        });
        (self.account.net(instrument), reserved, self.account.cash)
    }

    /// The account, marked at the last local touches taken.
    pub fn view(&self) -> AccountView {
        let instruments = self
            .instruments
            .iter()
            .enumerate()
            .map(|(index, instrument)| {
                let trade = self.trades[index].as_ref();
                let legs = self.account.legs(index);
                let open = legs.iter().find(|leg| leg.size != 0);
                InstrumentView {
                    position: self.account.net(index),
                    average_entry: open.and_then(|leg| leg.average_entry(instrument)),
                    twice_mark: self.account.marks[index].map(|touch| touch.bid + touch.ask),
                    value: self.account.position_value(index, instrument),
                    realised: legs[0].realised + legs[1].realised,
                    unrealised: self.account.unrealised(index, instrument),
                    trade_open: trade.is_some(),
                    reserved: trade.map_or(Money::ZERO, |trade| trade.reserved(instrument)),
                }
            });
        AccountView {
            cash: self.account.cash,
            equity: self.account.equity(&self.instruments),
            day_start_equity: self.day_start_equity,
            realised: self.account.realised(),
            fees: self.account.fees,
            funding: self.account.funding,
            instruments: instruments.collect(),
        }
    }
}
