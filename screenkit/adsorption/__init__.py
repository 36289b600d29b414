"""Labels from physics: what a gas at infinite dilution makes of a crystal."""
