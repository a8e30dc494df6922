//! What an agent leaves in the workspace on an ordinary day, with real git in real containers: it is on the branch or
//! kept, and the run's end says which.

mod branch;
mod conflicts;
mod elsewhere;
mod nothing;
mod refused;
mod script;
mod shown;
