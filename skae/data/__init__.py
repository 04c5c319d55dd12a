"""Rows: what is known of them, how they are checked, scaled and handed out."""
