//! What the server holds in memory when nobody asks anything of it.

use crate::{
    program::Program,
    report::{Report, Samples, Target},
    scale::Scale,
};

/// What an idle server should hold at most, in MB of 1,000,000 bytes.
const TARGET: Target = Target::AtMost(40.0);

/// Starts the program as people do, with `SQLite`, asks for its health, and looks.
pub async fn measure(scale: Scale, report: &mut Report) {
    let rounds = scale.of(5, 1);
    eprintln!("memory: {rounds} servers");
    let mut resident = Samples::new("caisson serve, idle, resident", "MB");
    let mut most = Samples::new("caisson serve, idle, most resident", "MB");
    for _ in 0..rounds {
        let server = Program::start(&[]).await;
        resident.push(server.resident());
        most.push(server.most_resident());
    }
    report.add_with_target(&resident, TARGET);
    report.add(&most);
}
