//! What more than one page shows.

mod allow;
mod badge;
mod confirm;
mod empty;
mod field;
mod frame;
mod gate;
mod hosts;
mod output;
mod prose;
mod roll_up;
mod run_list;
mod run_row;
mod show;
mod title;

pub(crate) use allow::{Allow, Refused};
pub(crate) use badge::{BadgeView, RunBadge, TargetBadge};
pub(crate) use confirm::Confirm;
pub(crate) use empty::{Empty, Trouble};
pub(crate) use field::Field;
pub(crate) use frame::{Frame, Mark};
pub(crate) use gate::GateCard;
pub(crate) use hosts::Hosts;
pub(crate) use output::{DiffView, Output};
pub(crate) use prose::Prose;
pub(crate) use roll_up::RollUp;
pub(crate) use run_list::RunList;
pub(crate) use run_row::RunRow;
pub(crate) use show::Show;
pub(crate) use title::set_title;
