"""Images and videos: checked, stored by content, prepared for a condition."""
