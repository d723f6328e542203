"""A review of a deployment before any load: what is there, what is really set, what contradicts.

`questions` ask (the only modules here that touch network and processes), `settings` makes of the answers
which knob has which value and who set it, `checks` judge. All but the questions are pure."""
