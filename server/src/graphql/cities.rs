//! The query `cities`.

use async_graphql::{Context, Object};

use super::{errors::ApiError, pagination::list_complexity};
use crate::events::{City as FoundCity, Events, MAX_CITIES};

#[derive(Default)]
pub(super) struct CitiesQuery;

#[Object]
impl CitiesQuery {
    /// The cities of published events that have not begun, those with most events first. The answer
    /// may be some seconds old.
    ///
    /// Errors: `BAD_USER_INPUT` for a wrong number.
    #[graphql(complexity = "list_complexity(child_complexity)")]
    async fn cities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The largest number of cities; 1 to 50.", default = 20)] first: i32,
    ) -> Result<Vec<City>, ApiError> {
        let size = usize::try_from(first).ok().filter(|size| (1..=MAX_CITIES).contains(size));
        let Some(size) = size else {
            return Err(ApiError::field(
                "first",
                format!("first must be between 1 and {MAX_CITIES}."),
            ));
        };
        let cities = ctx.data_unchecked::<Events>().cities().await?;
        Ok(cities.iter().take(size).cloned().map(City).collect())
    }
}

#[derive(Debug)]
struct City(FoundCity);

/// A city that has coming events.
#[Object]
impl City {
    /// The city's name, as the next event there spells it. `filter: { city }` of `events` takes it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The number of published events there that have not begun.
    async fn events(&self) -> i32 {
        i32::try_from(self.0.events).unwrap_or(i32::MAX)
    }
}
