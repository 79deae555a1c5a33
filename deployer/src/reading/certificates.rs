//! The certificates that the listeners on a way serve.

use timeouts::OWN_REGION;
use timeouts::Setting::{BalancerRegion, CertificateRegions, ListenerCertificates};

use aws_model::{Field, Listener, Region};

use super::view::View;

pub(super) fn read(view: &mut View<'_, '_>, listeners: &[&Listener]) {
    let Some(first) = listeners.first() else {
        return;
    };
    match &view.model.region {
        Some(region @ Field::Stated(..)) => view.field(BalancerRegion, region),
        _ => {
            let why = "the region is not known: say --region";
            view.reading.hide(BalancerRegion, why);
        }
    }
    let most = listeners
        .iter()
        .max_by_key(|listener| listener.certificates.items().len());
    let most = most.unwrap_or(first);
    let count = |regions: Vec<_>| u64::try_from(regions.len()).unwrap_or(u64::MAX);
    view.field_or(
        ListenerCertificates,
        &most.certificates.clone().map(count),
        0,
    );
    let more = view.model.more_certificates.iter();
    // What is added to a listener that is not known may be added to one of these.
    let ours = more.filter(|more| match more.listener.value() {
        Some(id) => listeners.iter().any(|listener| listener.id == *id),
        None => true,
    });
    let own = listeners.iter().map(|listener| &listener.certificates);
    let all: Vec<_> = own.chain(ours.map(|more| &more.regions)).collect();
    let mut names = Vec::new();
    for list in &all {
        if let Field::NotSeen(why) = list {
            return view.hide(CertificateRegions, why);
        }
        for region in list.items() {
            match region {
                Field::Stated(Region::Named(name), _) => names.push(name.clone()),
                Field::Stated(Region::Own, _) => names.push(OWN_REGION.to_owned()),
                Field::Stated(Region::Global, _) | Field::NotStated(_) => {}
                Field::NotSeen(why) => return view.hide(CertificateRegions, why),
            }
        }
    }
    let place = all.iter().find_map(|list| list.place());
    view.see(CertificateRegions, names, place.unwrap_or(&first.place));
}
