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
            self.account.position_value(index, instrument).abs() + reserved
        };
        let mut gross = Money::ZERO;
        for other in 0..self.instruments.len() {
            gross += notional(other);
        }
        Exposure {
            busy: match (&self.trades[index], self.account.positions[index].size) {
                (_, size) if size != 0 => Some(Busy::Position),
                (Some(_), _) => Some(Busy::Orders),
                (None, _) => None,
            },
            symbol_notional: notional(index),
            gross_notional: gross,
            equity: self.account.equity(&self.instruments),
            day_start_equity: self.day_start_equity,
        }
    }

    /// The account, marked at the last local touches taken.
    pub fn view(&self) -> AccountView {
        let instruments = self
            .instruments
            .iter()
            .enumerate()
            .map(|(index, instrument)| {
                let position = &self.account.positions[index];
                let trade = self.trades[index].as_ref();
                InstrumentView {
                    position: position.size,
                    average_entry: position.average_entry(instrument),
                    twice_mark: self.account.marks[index].map(|touch| touch.bid + touch.ask),
                    value: self.account.position_value(index, instrument),
                    realised: position.realised,
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
