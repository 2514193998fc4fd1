"""Text becomes speech, speech becomes a mastered file; nothing here knows of episodes or stages."""
