"""The preview: one page an episode that shows every medium beside the others, and follows what is saved."""
