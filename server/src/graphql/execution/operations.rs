//! The operations of a valid document.

use std::sync::Arc;

use async_graphql::{
    Name, Positioned, ServerError, ServerResult, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, SelectionSet},
};

use super::{
    coded_errors::field_error,
    kept_bytes,
    merged_selection::{MergedOperation, has_conditions, largest_size, merge},
};
use crate::graphql::validation::schema::Schema;

#[derive(Debug)]
pub(super) enum Operations {
    /// The only operation, as it is executed.
    Merged { name: Option<Name>, operation: Arc<MergedOperation> },
    /// Operations as they are written. There are several, or what is selected depends on variables.
    Written {
        document: ExecutableDocument,
        /// The memory that one of them takes at most when it is written out, in bytes.
        largest: usize,
    },
}

impl Operations {
    pub(super) fn of(schema: &Schema, document: ExecutableDocument) -> ServerResult<Self> {
        let (name, only) = match &document.operations {
            DocumentOperations::Single(only) => (None, only),
            DocumentOperations::Multiple(operations) => {
                let mut operations = operations.iter();
                match (operations.next(), operations.next()) {
                    (Some((name, only)), None) => (Some(name.clone()), only),
                    _ => return Ok(Self::written(schema, document)),
                }
            }
        };
        if has_conditions(&document) {
            return Ok(Self::written(schema, document));
        }
        let operation = Arc::new(merge(schema, &document, only, &Variables::default())?);
        Ok(Self::Merged { name, operation })
    }

    pub(super) fn written(schema: &Schema, document: ExecutableDocument) -> Self {
        let operations = document.operations.iter().map(|(_, operation)| operation);
        let sizes = operations.map(|operation| largest_size(schema, &document, operation));
        Self::Written { largest: sizes.max().unwrap_or(0), document }
    }

    /// The memory that they take, with one of them that runs, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Merged { operation, .. } => kept_bytes::of_operation(operation),
            // Each that runs is written out twice: as it is executed, and as its answer is arranged.
            Self::Written { document, largest } => kept_bytes::of_document(document) + 2 * largest,
        }
    }

    pub(super) fn iter(
        &self,
    ) -> impl Iterator<Item = (Option<&Name>, &Positioned<OperationDefinition>)> {
        let (one, several) = match self {
            Self::Merged { name, operation } => (Some((name.as_ref(), &**operation)), None),
            Self::Written { document, .. } => (None, Some(document.operations.iter())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// What the fragment with this name selects.
    pub(super) fn fragment(&self, name: &Name) -> Option<&SelectionSet> {
        match self {
            Self::Merged { .. } => None,
            Self::Written { document, .. } => {
                document.fragments.get(name).map(|of| &of.node.selection_set.node)
            }
        }
    }

    /// Whether some operation declares this variable. Nothing can refer to others.
    pub(super) fn declare(&self, variable: &str) -> bool {
        self.iter().any(|(_, operation)| {
            let mut definitions = operation.node.variable_definitions.iter();
            definitions.any(|definition| definition.node.name.node == variable)
        })
    }

    /// The operation with this name, or the only one.
    pub(super) fn select(
        &self,
        name: Option<&str>,
    ) -> ServerResult<&Positioned<OperationDefinition>> {
        let mut operations = self.iter();
        let (found, problem) = match name {
            Some(name) => (
                operations.find(|(own, _)| own.is_some_and(|own| own == name)),
                format!("The query has no operation named \"{name}\"."),
            ),
            None => (
                operations.next().filter(|_| operations.next().is_none()),
                "The query has several operations. Name one in \"operationName\".".to_owned(),
            ),
        };
        match found {
            Some((_, operation)) => Ok(operation),
            None => Err(field_error(ServerError::new(problem, None), "operationName".to_owned())),
        }
    }

    /// Writes an operation of these out as it is executed with the variables.
    pub(super) fn merged(
        &self,
        schema: &Schema,
        operation: &Positioned<OperationDefinition>,
        variables: &Variables,
    ) -> ServerResult<Arc<MergedOperation>> {
        match self {
            Self::Merged { operation, .. } => Ok(Arc::clone(operation)),
            Self::Written { document, .. } => {
                merge(schema, document, operation, variables).map(Arc::new)
            }
        }
    }
}
