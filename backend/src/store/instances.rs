//! Instances: insert, change, find, list.

use api::{
    Timestamp,
    id::{InstanceId, RunId},
    instance::{Denied, Instance, InstanceState},
    page::Page,
    run::wire_name,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{from_json, instance, micros, run, to_json},
};

/// How often an entry is added again after somebody else was quicker.
const ALLOW_TRIES: u32 = 10;

impl Store {
    /// Stores a new instance.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn instance_insert(&self, new: &Instance) -> Result<(), Error> {
        let row = instance::ActiveModel {
            id: Set(new.id.0),
            run_id: Set(new.run_id.0),
            state: Set(wire_name(&new.state)),
            container_id: Set(new.container_id.clone()),
            image: Set(new.image.clone()),
            host: Set(new.host.clone()),
            memory_limit_bytes: Set(i64::try_from(new.memory_limit_bytes).unwrap_or(i64::MAX)),
            created_at: Set(micros(new.created_at)),
            ready_at: Set(None),
            removed_at: Set(None),
            egress_allowed: Set(to_json("allowed hosts", &new.egress.allowed)?),
        };
        // Whoever got no answer to a first try asks again.
        let known = OnConflict::column(instance::Column::Id).do_nothing().to_owned();
        instance::Entity::insert(row).on_conflict(known).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// Moves an instance to a state. One that is over stays as it is.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn instance_set_state(&self, id: InstanceId, state: InstanceState) -> Result<(), Error> {
        let now = micros(Timestamp::now());
        let mut update =
            instance::Entity::update_many().col_expr(instance::Column::State, Expr::value(wire_name(&state)));
        if state.is_over() {
            update = update.col_expr(instance::Column::RemovedAt, Expr::value(now));
        } else if state == InstanceState::Ready {
            update = update.col_expr(instance::Column::ReadyAt, Expr::value(now));
        }
        update.filter(instance::Column::Id.eq(id.0)).filter(is_live()).exec(&self.write).await?;
        Ok(())
    }

    /// Notes which container an instance is, and where it is reached.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn instance_set_container(
        &self,
        id: InstanceId,
        container: &str,
        host: Option<&str>,
    ) -> Result<(), Error> {
        instance::Entity::update_many()
            .col_expr(instance::Column::ContainerId, Expr::value(container))
            .col_expr(instance::Column::Host, Expr::value(host.map(str::to_owned)))
            .col_expr(instance::Column::State, Expr::value(wire_name(&InstanceState::Starting)))
            .filter(instance::Column::Id.eq(id.0))
            .exec(&self.write)
            .await?;
        Ok(())
    }

    /// One instance.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn instance_fetch(&self, id: InstanceId) -> Result<Option<Instance>, Error> {
        let Some(row) = instance::Entity::find_by_id(id.0).one(&self.read).await? else { return Ok(None) };
        let mut found = [Instance::try_from(row)?];
        self.add_denied(&mut found).await?;
        let [instance] = found;
        Ok(Some(instance))
    }

    /// What is allowed beside what was allowed before: adds an entry, once. Returns all of them.
    ///
    /// # Errors
    /// `Missing` when there is no such instance, `Stale` when others change it all the time.
    pub async fn instance_allow(&self, id: InstanceId, entry: &str) -> Result<Vec<String>, Error> {
        for _ in 0..ALLOW_TRIES {
            let row = instance::Entity::find_by_id(id.0).one(&self.read).await?;
            let seen = row.ok_or(Error::Missing("instance"))?.egress_allowed;
            let mut allowed: Vec<String> = from_json("allowed hosts", &seen)?;
            if allowed.iter().any(|known| known == entry) {
                return Ok(allowed);
            }
            allowed.push(entry.to_owned());
            let done = instance::Entity::update_many()
                .col_expr(instance::Column::EgressAllowed, Expr::value(to_json("allowed hosts", &allowed)?))
                .filter(instance::Column::Id.eq(id.0))
                .filter(instance::Column::EgressAllowed.eq(seen))
                .exec(&self.write)
                .await?;
            if done.rows_affected == 1 {
                return Ok(allowed);
            }
        }
        Err(Error::Stale("instance"))
    }

    /// What a run's container was refused so far.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn run_denied(&self, run: RunId) -> Result<Vec<Denied>, Error> {
        let find = run::Entity::find_by_id(run.0).select_only().column(run::Column::EgressDenied);
        let row: Option<String> = find.into_tuple().one(&self.read).await?;
        row.map_or_else(|| Ok(Vec::new()), |row| from_json("denied hosts", &row))
    }

    /// Adds to each instance what its run was refused.
    async fn add_denied(&self, instances: &mut [Instance]) -> Result<(), Error> {
        let runs = instances.iter().map(|instance| instance.run_id.0);
        let find = run::Entity::find().filter(run::Column::Id.is_in(runs)).select_only();
        let find = find.column(run::Column::Id).column(run::Column::EgressDenied);
        let rows: Vec<(Uuid, String)> = find.into_tuple().all(&self.read).await?;
        for instance in instances {
            if let Some((_, denied)) = rows.iter().find(|(run, _)| *run == instance.run_id.0) {
                instance.egress.denied = from_json("denied hosts", denied)?;
            }
        }
        Ok(())
    }

    /// Instances, newest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn instance_list(
        &self,
        state: Option<InstanceState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Instance>, Error> {
        let find = instance::Entity::find()
            .apply_if(state, |find, state| find.filter(instance::Column::State.eq(wire_name(&state))))
            .apply_if(before, |find, before| find.filter(instance::Column::Id.lt(before)));
        let rows =
            find.order_by_desc(instance::Column::Id).limit(u64::from(limit) + 1).all(&self.read).await?;
        let mut items = rows.into_iter().map(Instance::try_from).collect::<Result<Vec<_>, _>>()?;
        self.add_denied(&mut items).await?;
        Ok(super::runs::page(items, limit, |instance| instance.id.to_string()))
    }

    /// The instances that are not over.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn instance_list_live(&self) -> Result<Vec<Instance>, Error> {
        let rows = instance::Entity::find().filter(is_live()).all(&self.read).await?;
        rows.into_iter().map(Instance::try_from).collect()
    }

    /// How many instances are not over.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn instance_count_live(&self) -> Result<u64, Error> {
        Ok(instance::Entity::find().filter(is_live()).count(&self.read).await?)
    }
}

fn is_live() -> sea_orm::sea_query::SimpleExpr {
    let over = [InstanceState::Removed, InstanceState::Failed].map(|state| wire_name(&state));
    instance::Column::State.is_not_in(over)
}
