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

    /// Puts another text into a secret; the one before it stays as the previous version.
    ///
    /// # Errors
    /// It is not there, or the caller may not write it.
    pub async fn put_secret(&self, id: &str, text: &str) -> Result<(), Error> {
        let request = self.secrets.put_secret_value().secret_id(id);
        let answer = request.secret_string(text).send().await;
        answer.map_err(failed("change the secret with the backends' keys"))?;
        Ok(())
    }
}
