//! The pages, one file a route.

mod batch;
mod batches;
mod home;
mod instances;
mod login;
mod not_found;
mod run;
mod runs;
mod task;
mod tasks;

pub(crate) use batch::BatchPage;
pub(crate) use batches::Batches;
pub(crate) use home::Home;
pub(crate) use instances::Instances;
pub(crate) use login::Login;
pub(crate) use not_found::NotFound;
pub(crate) use run::Run;
pub(crate) use runs::Runs;
pub(crate) use task::{EditTask, NewTask};
pub(crate) use tasks::Tasks;
