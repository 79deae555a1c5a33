//! Images in ECR: whether one is there, and for which processors.

use serde_json::{Value, json};

use super::signed::ECR;
use super::{Clients, Error, Kind};

/// The forms in which an image lies in a registry: one for a processor, and lists of such.
const FORMS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Where an image lies in ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The account whose registry it is.
    pub account: String,
    /// The registry's region.
    pub region: String,
    /// The repository.
    pub repository: String,
    /// The tag; empty where a digest is given.
    pub tag: String,
    /// The digest; empty where there is none.
    pub digest: String,
}

/// What ECR has of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// There is no such repository.
    NoRepository,
    /// The repository has no such tag or digest.
    NotThere,
    /// The processors that it is for, in Docker's words: `amd64`, `arm64`. Empty where the image
    /// does not say.
    For(Vec<String>),
}

impl Clients {
    /// An image of ECR.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn image(&self, name: &ImageName) -> Result<Image, Error> {
        let id = match name.digest.is_empty() {
            true => json!({ "imageTag": name.tag }),
            false => json!({ "imageDigest": name.digest }),
        };
        let body = json!({
            "registryId": name.account,
            "repositoryName": name.repository,
            "imageIds": [id],
            "acceptedMediaTypes": FORMS,
        });
        let what = "look for the image";
        let answer = self.signed.json(&ECR, "BatchGetImage", what, &body).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("RepositoryNotFoundException") => {
                return Ok(Image::NoRepository);
            }
            Err(error) if error.kind() == Kind::Missing => return Ok(Image::NotThere),
            Err(error) => return Err(error),
        };
        let Some(manifest) = answer["images"][0]["imageManifest"].as_str() else {
            return Ok(Image::NotThere);
        };
        let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
        if let Some(list) = manifest["manifests"].as_array() {
            return Ok(Image::For(processors(list)));
        }
        let Some(config) = manifest["config"]["digest"].as_str() else {
            return Ok(Image::For(Vec::new()));
        };
        self.processor(name, config).await.map(Image::For)
    }

    /// The processor that an image's configuration names.
    async fn processor(&self, name: &ImageName, config: &str) -> Result<Vec<String>, Error> {
        let what = "read the image's configuration";
        let body = json!({
            "registryId": name.account,
            "repositoryName": name.repository,
            "layerDigest": config,
        });
        let answer = self
            .signed
            .json(&ECR, "GetDownloadUrlForLayer", what, &body)
            .await?;
        let Some(url) = answer["downloadUrl"].as_str() else {
            return Ok(Vec::new());
        };
        let config = self.signed.fetch(url, what).await?;
        let processor = config["architecture"].as_str().map(str::to_owned);
        Ok(processor.into_iter().collect())
    }
}

/// The processors of a list of manifests. What builders attach beside is for none: `unknown`.
fn processors(list: &[Value]) -> Vec<String> {
    let names = list
        .iter()
        .filter_map(|one| one["platform"]["architecture"].as_str());
    let known = names.filter(|name| *name != "unknown").map(str::to_owned);
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::super::Signed;
    use super::*;

    async fn found(manifest: &str) -> Image {
        let manifest = json!({ "images": [{ "imageManifest": manifest }], "failures": [] });
        let signed = Signed::answering(move |target, body| {
            let target = target.rsplit('.').next().unwrap_or(target);
            match target {
                "BatchGetImage" => manifest.to_string(),
                "GetDownloadUrlForLayer" => {
                    assert!(body.contains("sha256:c0"), "{body}");
                    let url = "https://layers.example.com/c0?X-Amz-Signature=1";
                    json!({ "downloadUrl": url }).to_string()
                }
                path => {
                    assert_eq!(path, "/c0");
                    json!({ "architecture": "arm64", "os": "linux" }).to_string()
                }
            }
        });
        let clients = Clients {
            signed,
            ..Clients::new(Some("eu-west-1".to_owned())).await
        };
        let name = ImageName {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            repository: "drops".to_owned(),
            tag: "1".to_owned(),
            digest: String::new(),
        };
        clients.image(&name).await.expect("an answer")
    }

    #[tokio::test]
    async fn the_processors_are_those_of_the_list_or_of_the_configuration() {
        let one = |name: &str| json!({ "platform": { "architecture": name } });
        let list = json!({ "manifests": [one("amd64"), one("arm64"), one("unknown")] });
        let both = ["amd64", "arm64"].map(str::to_owned).to_vec();
        assert_eq!(found(&list.to_string()).await, Image::For(both));
        let single = json!({ "config": { "digest": "sha256:c0" }, "layers": [] });
        let arm = Image::For(vec!["arm64".to_owned()]);
        assert_eq!(found(&single.to_string()).await, arm);
    }
}
