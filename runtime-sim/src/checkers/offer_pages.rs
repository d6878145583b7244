//! Pages: a window that opens or comes back is given everything that is open for its worker, as it was first shown, and at the end no window shows what is over.
use super::offered::Offered;
use super::{Checker, Scene, Truth, Verdict};
use uc_core::id::UserId;
use uc_core::offer::OfferView;
use uc_core::{Action, Input};

/// See the module.
#[derive(Debug, Default)]
pub struct Windows {
    books: Offered,
}

impl Checker for Windows {
    fn name(&self) -> &'static str {
        "pages"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.books.on_input(input);
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        self.books.on_action(scene.core, action);
        Ok(())
    }

    fn on_window(&mut self, _scene: Scene<'_>, user: UserId, offers: &[OfferView]) -> Verdict {
        let open: Vec<&OfferView> = self.books.open.values().filter(|open| open.user == user).map(|open| &open.view).collect();
        if offers.iter().eq(open.iter().copied()) {
            return Ok(());
        }
        let numbers = |views: &mut dyn Iterator<Item = &OfferView>| views.map(|view| view.offer).collect::<Vec<_>>();
        Err(format!("a window of {user:?} begins with {:?}, open are {:?}", numbers(&mut offers.iter()), numbers(&mut open.iter().copied())))
    }

    fn on_quiet(&mut self, _scene: Scene<'_>, truth: &Truth<'_>) -> Verdict {
        for (worker, shown) in &truth.windows {
            let open = self.books.open.iter().filter(|(_, open)| open.worker == *worker).map(|(offer, _)| offer);
            if !shown.iter().eq(open) {
                return Err(format!("after the quiet phase a window of worker {worker} shows {shown:?}"));
            }
        }
        Ok(())
    }
}
