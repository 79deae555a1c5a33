//! Secrets of a stack.

use super::{Clients, Error, failed};

impl Clients {
    /// What a secret holds, as text.
    ///
    /// # Errors
    /// It is not there, or the caller may not read it.
    pub async fn secret(&self, id: &str) -> Result<String, Error> {
        let answer = self.secrets.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(failed("read the secret with the backends' keys"))?;
        Ok(answer.secret_string.unwrap_or_default())
    }
}
