//! The secret that is kept in the database, so that tickets of an embedded server, and the links by
//! which people end reminders, stay good when it starts again.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rowlock_entities::ticket_secret::{self, ONLY_ID, Secret};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::{
    accounts::JwtSecret,
    database::{Database, insert_missing},
};

/// The secret that is kept, if there is one.
pub(crate) async fn find_kept_secret(db: &Database) -> Result<Option<JwtSecret>> {
    let found = find(db.reads()).await?;
    found.as_ref().map(parsed).transpose()
}

/// The secret that is kept. It is made when it is first needed.
pub(crate) async fn find_or_make_kept_secret(db: &Database) -> Result<JwtSecret> {
    let tx = db.begin().await?;
    let secret = match find(&tx).await? {
        Some(secret) => secret,
        None => {
            let secret = Secret(BASE64.encode(rand::random::<[u8; 32]>()));
            let row = ticket_secret::Model { id: ONLY_ID, secret: secret.clone() };
            insert_missing::<ticket_secret::Entity>(&tx, vec![row]).await?;
            secret
        }
    };
    tx.commit().await?;
    parsed(&secret)
}

async fn find(db: &impl ConnectionTrait) -> Result<Option<Secret>, DbErr> {
    let found = ticket_secret::Entity::find_by_id(ONLY_ID).one(db).await?;
    Ok(found.map(|row| row.secret))
}

fn parsed(Secret(secret): &Secret) -> Result<JwtSecret> {
    secret.parse().context("reading the secret of tickets in the table ticket_secrets")
}
