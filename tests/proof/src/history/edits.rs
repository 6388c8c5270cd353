//! What people type into records, at once or while others are at work.

use super::numbers::NUMBER;
use super::plan::Edit;
use super::play::Play;
use super::seen::{Change, Screens, Whose};

impl Play {
    /// A person changes a contact, if it is still there.
    pub(super) fn edit(&mut self, lead: usize, edit: Edit) {
        let change = self.change(lead, edit);
        if change.make(&Screens::of(&self.world)) {
            self.note(lead, change);
        }
    }

    /// The same, the next time that the provider is asked.
    pub(super) fn edit_meanwhile(&mut self, lead: usize, edit: Edit) {
        let change = self.change(lead, edit);
        self.meanwhile.plan(change);
    }

    /// What a person is going to type. Whether the provider knows whom it tells of is settled beforehand.
    fn change(&mut self, lead: usize, edit: Edit) -> Change {
        let number = self.chance.u32(..);
        let (property, value) = match edit {
            Edit::Email { .. } => ("email", format!("other{number}@engine.example")),
            Edit::Company => ("company", format!("Company {number}")),
            Edit::Title => ("jobtitle", format!("Title {number}")),
            Edit::Industry => ("industry", format!("Industry {number}")),
            Edit::NoTitle => ("jobtitle", String::new()),
            Edit::Number => (NUMBER, format!("+1 555 {number} (mine)")),
        };
        if let Edit::Email { known } = edit {
            self.known.introduce(&self.world, &value, known);
        }
        Change { whose: Whose::Lead(lead), id: self.leads[lead].contact.clone(), property, value }
    }

    fn note(&mut self, lead: usize, Change { property, value, .. }: Change) {
        let lead = &mut self.leads[lead];
        lead.human.insert(property, value.clone());
        lead.edits += 1;
        lead.employers += usize::from(property == "company");
        if property == "email" {
            lead.emails.push(value);
        }
    }

    /// Takes note of what people have changed while others were at work. What hasn't been typed so far won't be.
    pub(super) fn note_meanwhile(&mut self) {
        for change in self.meanwhile.take() {
            match change.whose {
                Whose::Lead(lead) => self.note(lead, change),
                Whose::Company(company) => self.note_change_of_company(company, change),
            }
        }
    }
}
