"""What knows gunicorn: connections with deadlines and a cap, and accepting them in turns."""
