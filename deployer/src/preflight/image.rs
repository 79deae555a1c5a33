//! The image: whether ECR has it, for the tasks' processor.

use super::wanted::Wanted;
use super::{Finding, Looked, Unseen, unseen};
use crate::aws::{Clients, Image, ImageName};

const SUBJECT: &str = "image";

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let Some(image) = wanted.text("Image") else {
        return Ok(Vec::new());
    };
    if let Some(port) = odd_port(image) {
        let message = format!(
            "{image} is in a registry on port {port}, and cloudformation/service.yaml lets tasks \
             reach port 443 alone"
        );
        let cure = "serve the registry on port 443, or add the port to the tasks' security group";
        return Ok(vec![
            Finding::warning(SUBJECT, message, cure).at(wanted.place("Image")),
        ]);
    }
    let Some(name) = name(image) else {
        let reason = format!("{image} is not in ECR, and no other registry is asked");
        return Err(Unseen::new(SUBJECT, reason));
    };
    if name.region != wanted.region {
        let reason = format!("{image} is in {}, which is not asked", name.region);
        return Err(Unseen::new(SUBJECT, reason));
    }
    let found = clients.image(&name).await;
    let found = found.map_err(unseen(
        SUBJECT,
        "ecr:BatchGetImage or ecr:GetDownloadUrlForLayer",
    ))?;
    let processor = match wanted.text("Architecture") {
        Some("ARM64") => "arm64",
        _ => "amd64",
    };
    let finding = judge(&found, image, &name, processor);
    let place = wanted.place("Image");
    Ok(finding.into_iter().map(|one| one.at(place)).collect())
}

fn judge(found: &Image, image: &str, name: &ImageName, processor: &str) -> Option<Finding> {
    let (message, cure) = match found {
        Image::NoRepository => (
            format!("ECR has no repository `{}`", name.repository),
            "create it (cloudformation/repository.yaml does), and push the image".to_owned(),
        ),
        Image::NotThere => (
            format!("ECR has no image {image}"),
            format!(
                "push it, or name one of `aws ecr list-images --repository-name {}`",
                name.repository
            ),
        ),
        Image::For(processors)
            if !processors.is_empty() && !processors.iter().any(|one| one == processor) =>
        {
            (
                format!(
                    "the image is for {}, and the tasks run on {processor}",
                    processors.join(" and ")
                ),
                "build it for the tasks' processor (`docker build --platform`), or change \
                 `service.architecture`"
                    .to_owned(),
            )
        }
        Image::For(_) => return None,
    };
    Some(Finding::error(SUBJECT, message, cure))
}

/// The registry's port, where it is another than 443.
fn odd_port(image: &str) -> Option<u16> {
    let (registry, _) = image.split_once('/')?;
    let port = registry.rsplit_once(':')?.1.parse().ok()?;
    (port != 443).then_some(port)
}

/// Where in ECR an image lies; none where it is in another registry.
pub(super) fn name(image: &str) -> Option<ImageName> {
    let (registry, rest) = image.split_once('/')?;
    let mut parts = registry.split('.');
    let account = parts.next()?;
    let is_ecr = parts.next() == Some("dkr") && parts.next()?.starts_with("ecr");
    let region = parts.next()?;
    if !is_ecr || !registry.contains(".amazonaws.com") {
        return None;
    }
    let (rest, digest) = rest.split_once('@').unwrap_or((rest, ""));
    let (repository, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
    Some(ImageName {
        account: account.to_owned(),
        region: region.to_owned(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: digest.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_have_a_port() {
        let cases = [
            ("registry.example.com:5000/a/b:1", Some(5000)),
            ("registry.example.com:443/a:1", None),
            ("registry.example.com/a:5000", None),
            ("a:5000", None),
        ];
        for (image, port) in cases {
            assert_eq!(odd_port(image), port, "{image}");
        }
    }

    const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/drops:1.4.2";

    #[test]
    fn images_of_ecr_are_told_from_others() {
        let found = name(IMAGE).expect("it is ECR's");
        assert_eq!(found.account, "123456789012");
        assert_eq!(found.region, "eu-west-1");
        assert_eq!((&*found.repository, &*found.tag), ("acme/drops", "1.4.2"));
        let by_digest = name(&format!("{IMAGE}@sha256:12")).expect("it is ECR's");
        assert_eq!(by_digest.digest, "sha256:12");
        for other in [
            "drops:local",
            "example.com/drops:1",
            "public.ecr.aws/acme/drops:1",
            "ghcr.io/acme/drops:1",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn an_image_must_be_there_and_for_the_processor() {
        let told = |found: &Image| {
            let name = name(IMAGE).expect("it is ECR's");
            judge(found, IMAGE, &name, "amd64").map(|finding| finding.message)
        };
        let of = |processors: &[&str]| {
            Image::For(processors.iter().map(|one| (*one).to_owned()).collect())
        };
        assert_eq!(told(&of(&["arm64", "amd64"])), None);
        assert_eq!(told(&of(&[])), None);
        let cases = [
            (Image::NoRepository, "no repository `acme/drops`"),
            (Image::NotThere, "no image 123456789012"),
            (of(&["arm64"]), "is for arm64, and the tasks run on amd64"),
        ];
        for (found, words) in cases {
            let told = told(&found).expect("a finding");
            assert!(told.contains(words), "{told}");
        }
    }
}
