//! What models cost: the built-in table, and the operator's own over it.
//!
//! ```json
//! {"date": "2026-11-21", "source": "where it is from",
//!  "models": {"claude-x-1": {
//!     "input": 4, "output": 20, "cacheRead": 0.2, "cacheWrite5m": 5, "cacheWrite1h": 8,
//!     "webSearch": 10, "fast": 2, "us": 1.1,
//!     "above": {"promptTokens": 100000, "price": {"input": 8, "output": 40}}}}}
//! ```
//!
//! US dollars for a million tokens; `webSearch` for a thousand searches; `fast` and `us` are factors for
//! answers at that speed or from that place; `above` is the price of a call with a longer prompt; `maxOutput`
//! is how many tokens an answer has at most (64,000 where it is not said), which a budget holds for a call on its
//! way. Only `input` and `output` must be there: a call that needs what is not there has an unknown price.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    json_file::{self, Error},
    usage::Counted,
};

const BUILT_IN: &str = include_str!("../../prices.json");

/// The most tokens that any model reads at once.
const LONGEST_PROMPT: u64 = 1_000_000;
/// The most tokens that a model writes in one answer, where its price does not say it.
const LONGEST_ANSWER: u32 = 64_000;
/// No prompt of an agent has more than a token for so many bytes: prose has one for four, the densest text for two.
const BYTES_A_TOKEN: u64 = 2;

/// What models cost.
#[derive(Debug, Default)]
pub(super) struct Prices {
    built_in: Table,
    own: Table,
}

/// What is known of a call before it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The model it asks.
    pub(super) model: Option<&'a str>,
    /// How long it is, in bytes.
    pub(super) length: Option<u64>,
    /// Whether it may ask for an answer at a higher speed.
    pub(super) fast: bool,
}

/// One file of prices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    date: Option<jiff::civil::Date>,
    source: Option<String>,
    models: BTreeMap<String, Price>,
}

/// What one model costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Price {
    input: Rate,
    output: Rate,
    cache_read: Option<Rate>,
    cache_write_5m: Option<Rate>,
    cache_write_1h: Option<Rate>,
    web_search: Option<Rate>,
    fast: Option<Rate>,
    us: Option<Rate>,
    above: Option<Box<Above>>,
    /// The most tokens that the model writes in one answer.
    max_output: Option<u32>,
}

/// Another price for long prompts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Above {
    prompt_tokens: u32,
    price: Price,
}

/// A number of at least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate(f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        let sound = rate.is_finite() && 0.0 <= rate;
        sound
            .then_some(Self(rate))
            .ok_or_else(|| D::Error::custom(format!("a price is at least 0, not {rate}")))
    }
}

impl Prices {
    /// The built-in prices, with those of this file over them.
    ///
    /// # Errors
    /// The file cannot be read, or a key in it is wrong; both are named.
    pub(super) fn load(own: Option<&Path>) -> Result<Self, Error> {
        let built_in = json_file::parse(Path::new("the built-in prices"), BUILT_IN)?;
        let own = own.map(json_file::load).transpose()?.unwrap_or_default();
        Ok(Self { built_in, own })
    }

    /// Whether the operator gave prices.
    pub(super) fn has_own(&self) -> bool {
        !self.own.models.is_empty()
    }

    /// The most that a call can cost, in US dollars; `None` when that is unknown. A call that has not named its model
    /// may ask the dearest there is.
    pub(super) fn most(&self, call: &Asked<'_>) -> Option<f64> {
        match call.model {
            Some(model) => Some(self.find(model)?.most(call)),
            None => {
                [&self.own, &self.built_in].into_iter().filter_map(|table| table.most(call)).reduce(f64::max)
            }
        }
    }

    /// `most` of a call to a model that costs nothing, unless the operator has given it a price.
    pub(super) fn most_of_free(&self, call: &Asked<'_>) -> Option<f64> {
        let most = match call.model {
            Some(model) => self.own.find(model).map(|(_, price)| price.most(call)),
            None => self.own.most(call),
        };
        Some(most.unwrap_or(0.0))
    }

    /// What a call to a model cost, in US dollars; `None` when that is unknown.
    pub(super) fn usd(&self, model: &str, usage: &Counted) -> Option<f64> {
        self.find(model)?.usd(usage)
    }

    fn find(&self, model: &str) -> Option<&Price> {
        let found = [self.own.find(model), self.built_in.find(model)].into_iter().flatten();
        // The longest name wins, and the operator's own before a built-in one: `max_by_key` takes the last.
        found.rev().max_by_key(|(name, _)| name.len()).map(|(_, price)| price)
    }

    /// What a call to a model that costs nothing is taken to cost: the operator may have given it a price.
    pub(super) fn usd_of_free(&self, model: &str, usage: &Counted) -> Option<f64> {
        self.own.find(model).map_or(Some(0.0), |(_, price)| price.usd(usage))
    }

    /// Where the prices are from, for the log.
    pub(super) fn describe(&self) -> String {
        let own = self.has_own().then(|| format!("{}; over ", self.own.describe()));
        format!("{}{}", own.unwrap_or_default(), self.built_in.describe())
    }
}

impl Table {
    /// The entry with the longest name that this model's name begins with, ending between two words:
    /// `claude-x-1` is for `claude-x-1-20260101`, not for `claude-x-10`.
    fn find(&self, model: &str) -> Option<(&str, &Price)> {
        let names = self.models.iter().filter(|(name, _)| {
            let rest = model.strip_prefix(name.as_str());
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '.'))
        });
        names.map(|(name, price)| (name.as_str(), price)).max_by_key(|(name, _)| name.len())
    }

    /// The most that a call to the dearest of its models can cost.
    fn most(&self, call: &Asked<'_>) -> Option<f64> {
        self.models.values().map(|price| price.most(call)).reduce(f64::max)
    }

    fn describe(&self) -> String {
        let date = self.date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
        format!("{date}, {}", self.source.as_deref().unwrap_or("no source"))
    }
}

impl Price {
    fn usd(&self, usage: &Counted) -> Option<f64> {
        if let Some(above) = &self.above
            && i64::from(above.prompt_tokens) < usage.prompt()
        {
            return above.price.usd(usage);
        }
        if !usage.is_known() {
            return None;
        }
        let hour = usage.cache_write_1h.unwrap_or(0);
        let five_minutes = usage.cache_write.unwrap_or(0).saturating_sub(hour).max(0);
        let tokens = sum(&[
            (usage.input.unwrap_or(0), Some(self.input)),
            (usage.output.unwrap_or(0), Some(self.output)),
            (usage.cache_read.unwrap_or(0), self.cache_read),
            (five_minutes, self.cache_write_5m),
            (hour, self.cache_write_1h),
        ])?;
        let searches = sum(&[(usage.web_searches.unwrap_or(0), self.web_search)])?;
        Some(tokens * self.factor(usage)? / 1e6 + searches / 1e3)
    }

    /// The most that such a call can cost, in US dollars, at the dearest rates it can ask for.
    fn most(&self, call: &Asked<'_>) -> f64 {
        let prompt =
            call.length.map_or(LONGEST_PROMPT, |length| (length / BYTES_A_TOKEN).min(LONGEST_PROMPT));
        if let Some(above) = &self.above
            && u64::from(above.prompt_tokens) < prompt
        {
            return above.price.most(call);
        }
        let written = [self.cache_write_5m, self.cache_write_1h].into_iter().flatten();
        let read = written.map(|rate| rate.0).fold(self.input.0, f64::max);
        let output = f64::from(self.max_output.unwrap_or(LONGEST_ANSWER));
        let fast = self.fast.filter(|_| call.fast).map_or(1.0, |rate| rate.0.max(1.0));
        let place = self.us.map_or(1.0, |rate| rate.0.max(1.0));
        (prompt as f64 * read + output * self.output.0) * fast * place / 1e6
    }

    /// What the tokens' price is multiplied with.
    fn factor(&self, usage: &Counted) -> Option<f64> {
        let speed = match usage.speed.as_deref() {
            None | Some("standard") => Rate(1.0),
            Some("fast") => self.fast?,
            Some(_) => return None,
        };
        let place = match usage.geo.as_deref() {
            Some("us") => self.us?,
            _ => Rate(1.0),
        };
        Some(speed.0 * place.0)
    }
}

/// The sum of counts at their rates; unknown when one that is needed is.
fn sum(parts: &[(i64, Option<Rate>)]) -> Option<f64> {
    let needed = parts.iter().filter(|(count, _)| 0 < *count);
    needed.map(|(count, rate)| rate.map(|rate| *count as f64 * rate.0)).sum()
}

#[cfg(test)]
mod tests;
