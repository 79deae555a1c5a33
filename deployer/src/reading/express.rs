//! Services of ECS Express Mode. It makes load balancer, task definition and service by itself.

use timeouts::Setting;
use timeouts::Setting::ExpressMode;

use aws_model::Express;

use super::view::View;

pub(super) fn read(view: &mut View<'_, '_>, service: &Express) {
    let of_aws = Setting::ALL.iter().filter(|setting| {
        let spec = setting.spec();
        spec.variable.is_none() && spec.aws.is_some()
    });
    for setting in of_aws {
        let why = "ECS Express Mode sets it";
        view.reading.hide(*setting, why);
    }
    let mark = view.mark();
    view.see(ExpressMode, true, &service.place);
    view.doubt_of(&service.id, mark);
}
