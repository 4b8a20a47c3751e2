//! Money on the wire: `usd_micros`, with dollars as an alias on input (atp.md "Units").

use serde::{Deserialize, Serialize};

use super::read::within;
use crate::units::{Amount, PartialWindow, Window, usd_to_micros};
use crate::value::{Object, Value};

/// Micro-dollars from either spelling; where both are given, micro-dollars win.
pub(super) fn micros(usd_micros: Option<u64>, usd: Option<f64>) -> Result<Option<u64>, String> {
    match (usd_micros, usd) {
        (Some(micros), _) => Ok(Some(micros)),
        (None, Some(usd)) => match usd_to_micros(usd) {
            Some(micros) => Ok(Some(micros)),
            None => Err(format!("{usd:?} is no amount of dollars")),
        },
        (None, None) => Ok(None),
    }
}

/// Cost so far or estimated, `payload.cost_est` (atp.md 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "WireCost")]
pub struct CostEst {
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Micro-dollars.
    pub usd_micros: u64,
}

#[derive(Deserialize)]
struct WireCost {
    in_tokens: u64,
    out_tokens: u64,
    usd_micros: Option<u64>,
    usd: Option<f64>,
}

impl TryFrom<WireCost> for CostEst {
    type Error = String;
    fn try_from(wire: WireCost) -> Result<Self, String> {
        Ok(Self {
            in_tokens: wire.in_tokens,
            out_tokens: wire.out_tokens,
            usd_micros: micros(wire.usd_micros, wire.usd)?.ok_or("usd_micros is required, but absent")?,
        })
    }
}

impl CostEst {
    /// Tokens and money together.
    #[must_use]
    pub const fn amount(self) -> Amount {
        Amount {
            tokens: self.in_tokens.saturating_add(self.out_tokens),
            usd_micros: self.usd_micros,
        }
    }

    pub(super) fn to_value(self) -> Value<'static> {
        let members = [
            ("in_tokens", self.in_tokens),
            ("out_tokens", self.out_tokens),
            ("usd_micros", self.usd_micros),
        ];
        Value::Object(members.into_iter().collect::<Object<'_>>())
    }
}

/// Tokens and money with the aliases `usd` and `dollars`; what is absent is zero.
#[derive(Deserialize)]
pub(super) struct WireAmount {
    tokens: Option<u64>,
    usd_micros: Option<u64>,
    #[serde(alias = "dollars")]
    usd: Option<f64>,
}

impl TryFrom<WireAmount> for Amount {
    type Error = String;
    fn try_from(wire: WireAmount) -> Result<Self, String> {
        Ok(Self {
            tokens: wire.tokens.unwrap_or(0),
            usd_micros: micros(wire.usd_micros, wire.usd)?.unwrap_or(0),
        })
    }
}

/// A partial window with its alias `max_usd` (atp.md 3.2).
#[derive(Deserialize)]
pub(super) struct WireWindow {
    max_parallel: Option<u32>,
    max_tokens: Option<u64>,
    max_usd_micros: Option<u64>,
    max_usd: Option<f64>,
}

impl TryFrom<WireWindow> for PartialWindow {
    type Error = String;
    fn try_from(wire: WireWindow) -> Result<Self, String> {
        let max = Window::MAX;
        let money = micros(wire.max_usd_micros, wire.max_usd)?;
        Ok(Self {
            max_parallel: wire
                .max_parallel
                .map(|n| within("max_parallel", n, 0, max.max_parallel))
                .transpose()?,
            max_tokens: wire
                .max_tokens
                .map(|n| within("max_tokens", n, 0, max.max_tokens))
                .transpose()?,
            max_usd_micros: money
                .map(|n| within("max_usd_micros", n, 0, max.max_usd_micros))
                .transpose()?,
        })
    }
}

/// For `#[serde(deserialize_with)]` on an optional partial window.
pub(super) fn window<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<PartialWindow>, D::Error> {
    let wire = Option::<WireWindow>::deserialize(from)?;
    wire.map(|wire| wire.try_into().map_err(serde::de::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::value::json;

    fn cost(text: &str) -> Result<CostEst, String> {
        json::parse(text, &Limits::DEFAULT)
            .unwrap()
            .read()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn dollars_stand_in_for_micro_dollars_which_win() {
        let dollars = cost(r#"{"in_tokens":1,"out_tokens":2,"usd":0.05}"#).unwrap();
        assert_eq!(dollars.usd_micros, 50_000);
        assert_eq!(dollars.amount().tokens, 3);
        assert_eq!(
            cost(r#"{"in_tokens":1,"out_tokens":2,"usd":9,"usd_micros":7}"#)
                .unwrap()
                .usd_micros,
            7
        );
        for wrong in [
            r#"{"in_tokens":1,"out_tokens":2}"#,
            r#"{"in_tokens":1,"out_tokens":2,"usd":-1}"#,
            r#"{"in_tokens":1,"usd_micros":2}"#,
            r#"{"in_tokens":-1,"out_tokens":2,"usd_micros":2}"#,
        ] {
            assert!(cost(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn partial_windows_keep_to_the_ranges_of_whole_ones() {
        let read = |text: &str| -> Result<PartialWindow, String> {
            let value = json::parse(text, &Limits::DEFAULT).unwrap().into_owned();
            value
                .read::<WireWindow>()
                .map_err(|error| error.to_string())?
                .try_into()
        };
        assert_eq!(
            read(r#"{"max_usd":1.5}"#).unwrap().max_usd_micros,
            Some(1_500_000)
        );
        assert_eq!(read("{}").unwrap(), PartialWindow::default());
        assert!(read(r#"{"max_parallel":1001}"#).is_err());
        assert!(read(r#"{"max_usd":10001}"#).is_err());
    }

    #[test]
    fn an_absurd_amount_is_not_repeated_digit_by_digit() {
        let told = micros(None, Some(1e300)).unwrap_err();
        assert_eq!(told, "1e300 is no amount of dollars");
    }
}
