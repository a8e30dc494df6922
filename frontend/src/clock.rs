//! The one timer that moves all ages on, and times of day as the reader's clock shows them.

use std::time::Duration;

use api::Timestamp;
use leptos::prelude::*;

/// The time now, to the second; everything that shows an age reads it.
#[derive(Clone, Copy)]
pub(crate) struct Clock(RwSignal<Timestamp>);

/// Starts the timer.
pub(crate) fn provide_clock() {
    let now = RwSignal::new(read());
    set_interval(move || now.set(read()), Duration::from_secs(1));
    provide_context(Clock(now));
}

/// The time now; changes once a second.
pub(crate) fn use_now() -> Signal<Timestamp> {
    expect_context::<Clock>().0.into()
}

fn read() -> Timestamp {
    Timestamp::from_millisecond(js_sys::Date::now() as i64).unwrap_or_default()
}

/// The time of day here: `14:05:49`.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let date = local(at);
    format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds())
}

/// When something ended, as short as it is clear: `09:12` today, `12 Nov` before.
pub(crate) fn short_time(at: Timestamp, now: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, today) = (local(at), local(now));
    let day = |date: &js_sys::Date| (date.get_full_year(), date.get_month(), date.get_date());
    if day(&date) == day(&today) {
        format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
    } else {
        format!("{} {}", date.get_date(), MONTHS[date.get_month() as usize % 12])
    }
}

fn local(at: Timestamp) -> js_sys::Date {
    js_sys::Date::new(&(at.as_millisecond() as f64).into())
}
