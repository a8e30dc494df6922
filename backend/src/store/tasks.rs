//! Tasks: insert, change, find, list, delete.

use api::{
    id::TaskId,
    page::Page,
    task::{Task, TaskSpec},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{micros, now, run, task, to_json},
};

impl Store {
    /// Stores a new task.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn task_insert(&self, spec: TaskSpec, owner: &str) -> Result<Task, Error> {
        let now = now();
        let task = Task {
            id: TaskId::mint(),
            version: 1,
            owner: Some(owner.to_owned()),
            spec,
            created_at: now,
            updated_at: now,
            archived_at: None,
        };
        let row = task::ActiveModel {
            id: Set(task.id.0),
            version: Set(1),
            name: Set(task.spec.name.clone()),
            spec: Set(to_json("task", &task.spec)?),
            created_at: Set(micros(now)),
            updated_at: Set(micros(now)),
            archived_at: Set(None),
            owned_by: Set(task.owner.clone()),
        };
        task::Entity::insert(row).exec_without_returning(&self.write).await?;
        Ok(task)
    }

    /// Replaces a task's definition, if it still has the version that was seen.
    ///
    /// # Errors
    /// `Stale` when it has changed or is gone.
    pub async fn task_update(&self, id: TaskId, seen: i64, spec: &TaskSpec) -> Result<(), Error> {
        let done = task::Entity::update_many()
            .col_expr(task::Column::Name, Expr::value(spec.name.clone()))
            .col_expr(task::Column::Spec, Expr::value(to_json("task", spec)?))
            .col_expr(task::Column::UpdatedAt, Expr::value(micros(now())))
            .col_expr(task::Column::Version, Expr::col(task::Column::Version).add(1))
            .filter(task::Column::Id.eq(id.0))
            .filter(task::Column::Version.eq(seen))
            .exec(&self.write)
            .await?;
        if done.rows_affected == 1 { Ok(()) } else { Err(Error::Stale("task")) }
    }

    /// One task, archived or not.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn task_fetch(&self, id: TaskId) -> Result<Option<Task>, Error> {
        task::Entity::find_by_id(id.0).one(&self.read).await?.map(Task::try_from).transpose()
    }

    /// Tasks that are not archived, newest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn task_list(
        &self,
        query: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Task>, Error> {
        let mut find = task::Entity::find().filter(task::Column::ArchivedAt.is_null());
        if let Some(query) = query {
            let escaped = query.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let pattern = sea_orm::sea_query::LikeExpr::new(format!("%{escaped}%")).escape('\\');
            find = find.filter(Expr::expr(Func::lower(Expr::col(task::Column::Name))).like(pattern));
        }
        if let Some(before) = before {
            find = find.filter(task::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(task::Column::Id).limit(u64::from(limit) + 1).all(&self.read).await?;
        let items = rows.into_iter().map(Task::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(super::runs::page(items, limit, |task| task.id.to_string()))
    }

    /// Deletes a task, or archives it when runs of it exist. Returns it as it is now.
    ///
    /// # Errors
    /// `Missing` when there is no such task.
    pub async fn task_delete(&self, id: TaskId) -> Result<Task, Error> {
        let transaction = self.write.begin().await?;
        let row = task::Entity::find_by_id(id.0).one(&transaction).await?.ok_or(Error::Missing("task"))?;
        let mut task = Task::try_from(row)?;
        if run::Entity::find().filter(run::Column::TaskId.eq(id.0)).count(&transaction).await? == 0 {
            task::Entity::delete_by_id(id.0).exec(&transaction).await?;
        } else if task.archived_at.is_none() {
            let now = now();
            task::Entity::update_many()
                .col_expr(task::Column::ArchivedAt, Expr::value(micros(now)))
                .filter(task::Column::Id.eq(id.0))
                .exec(&transaction)
                .await?;
            task.archived_at = Some(now);
        }
        transaction.commit().await?;
        Ok(task)
    }
}
